// `node test/documents/pictures.ts`: makes the README's pictures from a run of the lab: what `npm start` prints, as a terminal shows it,
// and the machine's page in Chromium.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/clock.ts';
import { type BrowserPage, openBrowser } from '../page/chromium.ts';
import { ROOT } from './markdown.ts';

const PICTURES = join(ROOT, 'docs', 'pictures');
const PAGE = 'http://127.0.0.1:5240/MAAS/';
const LAB_MS_MAX = 60_000;
const WIDTH = 1000;
const PAGE_HEIGHT = 880;
const COLUMNS = 120;
const ROW_PIXELS = 19;
/** The lab's password, as the lab tells it. */
const PASSWORD = /(?<=with the password )\S+/;
const FOREGROUND = '#c9d1d9';
/** Who speaks in a line of the lab, and in which colour. */
const COLOURS: Readonly<Record<string, string>> = {
  rack: '#5fb3c8',
  region: '#5fb3c8',
  machine: '#d7a94b',
  lab: '#f2f2f2',
  problem: '#e06c6c',
};

interface Lab {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
}

/** Starts the lab, and waits until it says what to try next. */
async function startLab(): Promise<Lab> {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'rackboot.js'), 'lab'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const late = systemClock.schedule(LAB_MS_MAX, () => reject(new Error('the lab does not say what to try next')));
    child.once('exit', (code) => reject(new Error(`the lab ended with ${code}: ${lines.join('\n')}`)));
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      lines.push(line);
      if (!line.startsWith('Ctrl-C ends')) return;
      late.cancel();
      resolve();
    });
  });
  return { child, lines };
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** A terminal: what does not fit into its width is cut, as terminals do. */
function terminal(lines: readonly string[]): string {
  const rows = ['$ npm start', ...lines].map((line, index) => {
    const [, time = '', who = '', text = ''] = /^( *[\d.]+ s {2})(\w+ *)(.*)$/.exec(line) ?? ['', '', '', line];
    const room = COLUMNS - time.length - who.length;
    const shown = text.length > room ? `${text.slice(0, room - 1)}…` : text;
    const part = (colour: string, words: string): string =>
      words === '' ? '' : `<tspan fill="${colour}">${escaped(words)}</tspan>`;
    const parts = part('#7d8590', time) + part(COLOURS[who.trim()] ?? FOREGROUND, who) + part(FOREGROUND, shown);
    return `<text x="16" y="${24 + index * ROW_PIXELS}" xml:space="preserve">${parts}</text>`;
  });
  const height = rows.length * ROW_PIXELS + 24;
  const font = 'font-family="ui-monospace,DejaVu Sans Mono,Liberation Mono,Menlo,monospace" font-size="13"';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ${font}>
<rect width="${WIDTH}" height="${height}" rx="8" fill="#1b1f24"/>
${rows.join('\n')}
</svg>
`;
}

/** Signs in as the lab says; then the page shows what can be done. */
async function signIn(browser: BrowserPage, password: string): Promise<void> {
  await browser.open(`${PAGE}login`);
  const set = (name: string, value: string): string =>
    `document.querySelector('[name=${name}]').value = ${JSON.stringify(value)}`;
  await browser.evaluate(`(${set('username', 'lab')}, ${set('password', password)}, 1)`);
  await browser.evaluate("(document.querySelector('main form').requestSubmit(), 1)").catch(() => undefined);
  await browser.until("document.querySelector('[name=password]') === null", LAB_MS_MAX);
}

mkdirSync(PICTURES, { recursive: true });
const lab = await startLab();
const browser = await openBrowser();
try {
  writeFileSync(join(PICTURES, 'terminal.svg'), terminal(lab.lines.map((line) => line.replace(PASSWORD, '…'))));

  await browser.scheme('light');
  await browser.resize(WIDTH, PAGE_HEIGHT);
  await signIn(browser, PASSWORD.exec(lab.lines.join('\n'))?.[0] ?? '');
  await browser.open(PAGE);
  const link = 'document.querySelector(\'main a[href*="machine"]\')';
  await browser.until(`${link} !== null`, LAB_MS_MAX);
  await browser.open(String(await browser.evaluate(`${link}.href`)));
  // The rest of a long page is for whoever opens it.
  await browser.evaluate(
    `[document.documentElement, document.body].map(({ style }) => Object.assign(style, { height: '${PAGE_HEIGHT}px', overflow: 'hidden' })).length`,
  );
  await browser.screenshot(join(PICTURES, 'page.png'));
} finally {
  await browser.close();
  lab.child.kill('SIGINT');
}
