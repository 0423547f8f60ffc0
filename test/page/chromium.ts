// Drives a real Chromium over its debugging protocol, as far as looking at a page needs it.
//
// Sources: Chrome DevTools Protocol (Target, Page, Runtime, Emulation, Log).

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { ended, whileRunning } from '../support/child.ts';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-port=0',
];
const KEY_CODES = { Tab: 9, Enter: 13, Space: 32 } as const;
const START_MS_MAX = 30_000;
const EVALUATE_PAUSE_MS = 20;
const LOAD_MS_MAX = 10_000;
/** True once the page is complete and drawn, which gives a field its focus; false if that takes too long. */
const LOADED = `new Promise((resolve) => {
  const drawn = () => requestAnimationFrame(() => resolve(true));
  if (document.readyState === 'complete') drawn();
  else addEventListener('load', drawn);
  setTimeout(() => resolve(false), ${LOAD_MS_MAX});
})`;

export interface BrowserPage {
  /** The value of an expression in the page; it must be JSON. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. Throws after `ms`. */
  until(expression: string, ms: number): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** Sets the colour scheme. */
  scheme(colours: 'light' | 'dark'): Promise<void>;
  open(url: string): Promise<void>;
  /** Has each page that is opened from now on begin with this script, whatever its policy. */
  beginWith(script: string): Promise<void>;
  /** Presses a key. */
  press(key: 'Tab' | 'Enter' | 'Space'): Promise<void>;
  /** Types a text into the field with the focus. */
  type(text: string): Promise<void>;
  /** Puts a file of this host into a field. */
  chooseFile(selector: string, path: string): Promise<void>;
  /** The messages of the page's console, the warnings and errors of the browser's log, and uncaught exceptions. */
  readonly complaints: readonly string[];
  /** Takes a picture of the whole page, or of its top. @param height of the top, in pixels */
  screenshot(path: string, height?: number): Promise<void>;
  close(): Promise<void>;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** Starts a browser with one empty page. */
export async function openBrowser(): Promise<BrowserPage> {
  const profile = mkdtempSync(join(tmpdir(), 'rackboot-chromium-'));
  const browser = spawn('chromium', [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = ended(browser);
  let text = '';
  const spoken = new Promise<string>((resolve, reject) => {
    browser.once('error', reject);
    browser.stderr.on('data', (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-20_000);
      const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    systemClock.schedule(START_MS_MAX, () => reject(new Error(`Chromium did not start: ${text}`)));
  });
  const endpoint = await whileRunning(browser, spoken, () => text);
  const socket = new WebSocket(endpoint);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const complaints: string[] = [];
  const waiting = new Map<number, (reply: Reply) => void>();
  socket.addEventListener('message', ({ data }) => {
    const reply: Reply = JSON.parse(String(data));
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
    else if (/^(Log\.entryAdded|Runtime\.(consoleAPICalled|exceptionThrown))$/.test(reply.method ?? '')) {
      const text = JSON.stringify(reply.params);
      // As when a key is pressed before the field that wants the focus has it.
      if (!/"level":"(?:info|verbose)"/.test(text)) complaints.push(text);
    }
  });
  let id = 0;
  let sessionId: unknown;
  const send = async (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> => {
    id += 1;
    const own = id;
    const reply = await new Promise<Reply>((resolve) => {
      waiting.set(own, resolve);
      socket.send(JSON.stringify({ id: own, method, params, sessionId }));
    });
    waiting.delete(own);
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result ?? {};
  };
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  ({ sessionId } = await send('Target.attachToTarget', { targetId, flatten: true }));
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);

  const page: BrowserPage = {
    complaints,
    async evaluate(expression) {
      const wrapped = `(async () => JSON.stringify(await (${expression})) ?? 'null')()`;
      const { result } = await send('Runtime.evaluate', {
        expression: wrapped,
        awaitPromise: true,
        returnByValue: true,
      });
      const value = Object(result).value;
      return typeof value === 'string' ? JSON.parse(value) : undefined;
    },
    async until(expression, ms) {
      for (let waited = 0; waited < ms; waited += EVALUATE_PAUSE_MS) {
        if ((await page.evaluate(expression)) === true) return;
        await sleep(EVALUATE_PAUSE_MS);
      }
      throw new Error(`never true within ${ms} ms: ${expression}`);
    },
    async resize(width, height) {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    },
    async scheme(value) {
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
    },
    async open(url) {
      await send('Page.navigate', { url });
      const isLoaded = await page.evaluate(LOADED);
      if (isLoaded !== true) throw new Error(`not loaded within ${LOAD_MS_MAX} ms: ${url}`);
    },
    async beginWith(script) {
      await send('Page.addScriptToEvaluateOnNewDocument', { source: script });
    },
    async press(key) {
      const event = { key: key === 'Space' ? ' ' : key, code: key, windowsVirtualKeyCode: KEY_CODES[key] };
      const text = { Tab: '', Enter: '\r', Space: ' ' }[key];
      await send('Input.dispatchKeyEvent', { type: text === '' ? 'rawKeyDown' : 'keyDown', ...event, text });
      await send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    },
    async type(text) {
      await send('Input.insertText', { text });
    },
    async chooseFile(selector, path) {
      const { result } = await send('Runtime.evaluate', {
        expression: `document.querySelector(${JSON.stringify(selector)})`,
      });
      await send('DOM.setFileInputFiles', { files: [path], objectId: Object(result).objectId });
    },
    async screenshot(path, height) {
      const width = Number(await page.evaluate('window.innerWidth'));
      const part = height === undefined ? {} : { clip: { x: 0, y: 0, width, height, scale: 1 } };
      const { data } = await send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true, ...part });
      writeFileSync(path, Buffer.from(String(data), 'base64'));
    },
    async close() {
      socket.close();
      browser.kill();
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return page;
}
