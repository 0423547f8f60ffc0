// `node bin/with-node.js test/documents/pictures.ts`: makes the pictures of the documents from a run of the lab: what `npm start` prints, as a
// terminal shows it, and pages in Chromium, once the machine is deployed by the commands that the lab names.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { type BrowserPage, openBrowser } from '../page/chromium.ts';
import { ROOT } from './markdown.ts';

const PICTURES = join(ROOT, 'docs', 'pictures');
const PAGE = 'http://127.0.0.1:5240/MAAS/';
const LAB_MS_MAX = 60_000;
const WIDTH = 1000;
/** Wide enough for the navigation beside the content. */
const PAGE_WIDTH = 1200;
const MARGIN = 10;
/** A picture shows the beginning of a long page; the rest is for readers who open it. */
const PICTURE_HEIGHT_MAX = 1000;
const PAGE_HEIGHT = 900;
const PAUSE_MS = 500;
const COLUMNS = 132;
const ROW_PIXELS = 19;
/** The lab's password, as the lab tells it. */
const PASSWORD = /(?<=with the password )\S+/;
const FOREGROUND = '#c9d1d9';
/** The speakers in lines of the lab, and their colours. */
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

/** The lines as rows of a terminal, which continues in the next row with what does not fit. */
const rowsOf = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => (line === '' ? [''] : (line.match(new RegExp(`.{1,${COLUMNS}}`, 'gu')) ?? [])));

function terminal(lines: readonly string[]): string {
  const last = lines.findLastIndex((line) => line !== '');
  const rows = rowsOf(['$ npm start', ...lines.slice(0, last + 1)]).map((line, index) => {
    const [, time = '', who = '', text = ''] = /^( *[\d.]+ s {2})(\w+ *)(.*)$/.exec(line) ?? ['', '', '', line];
    const part = (colour: string, words: string): string =>
      words === '' ? '' : `<tspan fill="${colour}">${escaped(words)}</tspan>`;
    const parts = part('#7d8590', time) + part(COLOURS[who.trim()] ?? FOREGROUND, who) + part(FOREGROUND, text);
    return `<text x="16" y="${24 + index * ROW_PIXELS}" xml:space="preserve">${parts}</text>`;
  });
  const height = rows.length * ROW_PIXELS + 24;
  const font = 'font-family="ui-monospace,DejaVu Sans Mono,Liberation Mono,Menlo,monospace" font-size="12"';
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

/** Runs the commands that the lab suggests for the machine, up to Deployed. */
async function deploy({ lines }: Lab): Promise<void> {
  const text = lines.join('\n');
  const config = /(?<=export RACKBOOT_CONFIG=)\S+/.exec(text)?.[0] ?? '';
  const run = (words: string): string =>
    execFileSync(process.execPath, [join(ROOT, 'bin', 'rackboot.js'), ...words.split(' ')], {
      env: { ...process.env, RACKBOOT_CONFIG: config },
      encoding: 'utf8',
    });
  for (const [command, status] of [
    [/machines accept .*/, 'Ready'],
    [/machines deploy .*/, 'Deployed'],
  ] as const) {
    run(command.exec(text)?.[0] ?? '');
    for (let waited = 0; !run('machines list').includes(` ${status} `); waited += PAUSE_MS) {
      if (waited > LAB_MS_MAX) throw new Error(`the machine is not ${status}`);
      await sleep(PAUSE_MS);
    }
  }
}

/** The URL of the first link that a selector finds on a page. */
async function firstLink(browser: BrowserPage, page: string, selector: string): Promise<string> {
  await browser.open(`${PAGE}${page}`);
  const link = `document.querySelector(${JSON.stringify(selector)})`;
  await browser.until(`${link} !== null`, LAB_MS_MAX);
  return String(await browser.evaluate(`${link}.href`));
}

async function take(browser: BrowserPage, name: string, url: string): Promise<void> {
  await browser.open(url);
  // Without a bar to scroll by, which would narrow the page.
  await browser.evaluate("(document.documentElement.style.overflow = 'hidden', 1)");
  const end = Number(
    await browser.evaluate("document.querySelector('main').lastElementChild.getBoundingClientRect().bottom"),
  );
  await browser.screenshot(join(PICTURES, `${name}.png`), Math.min(Math.ceil(end) + MARGIN, PICTURE_HEIGHT_MAX));
}

mkdirSync(PICTURES, { recursive: true });
const lab = await startLab();
const browser = await openBrowser();
try {
  writeFileSync(join(PICTURES, 'terminal.svg'), terminal(lab.lines.map((line) => line.replace(PASSWORD, '…'))));

  await deploy(lab);
  await browser.scheme('light');
  await browser.resize(PAGE_WIDTH, PAGE_HEIGHT);
  await signIn(browser, PASSWORD.exec(lab.lines.join('\n'))?.[0] ?? '');
  const machine = await firstLink(browser, 'machines/', 'main .name a[href*="machine"]');
  await browser.open(machine);
  await browser.until("document.body.innerText.includes('Deployed')", LAB_MS_MAX);
  const subnet = await firstLink(browser, 'networks/', 'main a[href*="/subnets/"]');
  for (const [name, url] of [
    ['page', machine],
    ['boot', `${machine}boot/`],
    ['subnet', subnet],
  ] as const)
    await take(browser, name, url);
} finally {
  await browser.close();
  lab.child.kill('SIGINT');
}
