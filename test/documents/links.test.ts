// No link of README, docs or changelog is dead, and a tired reader can read the README.

import assert from 'node:assert/strict';
import { existsSync, globSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { anchorsOf, documentPaths, linksOf, partsOf, proseOf, ROOT, readDocument } from './markdown.ts';

const README_LINES_MAX = 120;
const PARAGRAPH_LINES_MAX = 4;
/** So that four lines are four lines: a paragraph written in one line is no shorter. */
const README_COLUMNS_MAX = 120;
const PICTURE_BYTES_MAX = 200_000;

/** Why a link is dead; undefined: it is not. */
function fault(path: string, target: string): string | undefined {
  if (/^(https?|mailto):/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const wanted = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
  if (wanted.startsWith('..') || !existsSync(join(ROOT, wanted))) return `there is no ${wanted}`;
  if (anchor === undefined) return undefined;
  if (!wanted.endsWith('.md')) return 'an anchor in what is not a document';
  return anchorsOf(readDocument(wanted)).has(anchor) ? undefined : `${wanted} has no heading #${anchor}`;
}

test('no link is dead', () => {
  const dead = documentPaths().flatMap((path) =>
    linksOf(readDocument(path)).flatMap(({ target, line }) => {
      const why = fault(path, target);
      return why === undefined ? [] : [`${path}:${line}: ${target}: ${why}`];
    }),
  );
  assert.deepEqual(dead, []);
});

test('a dead link is found: of a file, of an anchor, of a picture', () => {
  assert.equal(fault('README.md', 'docs/power.md'), undefined);
  for (const target of ['docs/nowhere.md', '#nowhere', 'docs/power.md#nowhere', '../README.md']) {
    assert.notEqual(fault('README.md', target), undefined, target);
  }
  assert.deepEqual(
    linksOf('[a](b.md#c) ![p](d.png)\n<img src="e.png" alt="">\n```\n[no](link.md)\n```\n`[no](f)`\n').map(
      ({ target }) => target,
    ),
    ['b.md#c', 'd.png', 'e.png'],
  );
});

test('every page of docs is in its index', () => {
  const index = new Set(linksOf(readDocument('docs/README.md')).map(({ target }) => `docs/${target.split('#')[0]}`));
  const pages = documentPaths().filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
  assert.deepEqual(
    pages.filter((path) => !index.has(path)),
    [],
  );
});

test('every document that code, configuration and unit name is there, with its heading', () => {
  const dead = globSync(['src/**/*.ts', 'config/*', 'systemd/*', 'test/**/*.ts', '.ci/*'], { cwd: ROOT }).flatMap(
    (path) =>
      [...readDocument(path).matchAll(/\bdocs\/(?:reference\/)?[\w-]+\.md(?:#[\w-]+)?/g)].flatMap(([target]) => {
        const why = target.includes('nowhere') ? undefined : fault('README.md', target);
        return why === undefined ? [] : [`${path}: ${target}: ${why}`];
      }),
  );
  assert.deepEqual(dead, []);
});

test(`the README has at most ${README_LINES_MAX} lines, and no paragraph of more than ${PARAGRAPH_LINES_MAX}`, () => {
  const text = readDocument('README.md');
  const lines = text.trimEnd().split('\n');
  assert.ok(lines.length <= README_LINES_MAX, `${lines.length} lines`);
  const long: string[] = [];
  let paragraph = 0;
  proseOf(text).forEach((line, index) => {
    const isTable = line.startsWith('|');
    paragraph = line.trim() === '' || isTable || /^([-*]|\d+\.) |^#/.test(line) ? 0 : paragraph + 1;
    if (/^([-*]|\d+\.) /.test(line)) paragraph = 1;
    if (paragraph > PARAGRAPH_LINES_MAX) long.push(`line ${index + 1}: the paragraph continues`);
    if (!isTable && line.length > README_COLUMNS_MAX) long.push(`line ${index + 1}: ${line.length} columns`);
  });
  assert.deepEqual(long, []);
});

test('each row of “What it does” in the README links to a page, and contains no benchmark figure', () => {
  const text = readDocument('README.md');
  const rows = text.split('\n').filter((line) => /^\| (?!\||---)/.test(line));
  assert.ok(rows.length >= 10, `${rows.length} rows`);
  for (const row of rows) assert.match(row, /^\| \[[^\]]+\]\(docs\/[\w-]+\.md(#[\w-]+)?\) \|/);
  assert.doesNotMatch(text, /\d ?(?:\/s|ms|µs|per second)\b/);
});

test('a section of the README has the number of lines that its heading says', () => {
  const [, ...sections] = readDocument('README.md').split(/^## /m);
  const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
  const reported = sections.flatMap((section) => {
    const number = numbers.indexOf(/^.* in (\w+) lines?\n/.exec(section)?.[1] ?? '') + 1;
    const block = partsOf(section).find((part) => part.kind === 'block');
    return number === 0 ? [] : [[number, block?.kind === 'block' ? block.lines.length : 0]];
  });
  assert.equal(reported.length, 1);
  for (const [number, lines] of reported) assert.equal(lines, number);
});

test('the documents and the installation name the Node that the package requires', () => {
  const { engines } = JSON.parse(readDocument('package.json'));
  const least = /^>=(\S+)$/.exec(engines.node)?.[1];
  for (const path of ['README.md', 'docs/first-machine.md', '.ci/run']) {
    const named = [...readDocument(path).matchAll(/Node (\d+\.\d+|\d+)(?= or later| and npm)/g)].map(([, one]) => one);
    assert.ok(named.length > 0, path);
    for (const one of named) assert.equal(one, least, path);
  }
});

test('no command relies on $USER, which su and sudo may leave unset', () => {
  for (const path of documentPaths()) assert.doesNotMatch(readDocument(path), /\$USER\b/, path);
});

test('the README shows two pictures, small enough for a slow line', () => {
  const pictures = linksOf(readDocument('README.md')).filter(({ target }) => /\.(png|svg)$/.test(target));
  assert.equal(pictures.length, 2);
  for (const { target } of pictures) assert.ok(statSync(join(ROOT, target)).size < PICTURE_BYTES_MAX, target);
});

test('each block names its language: bash, console, sh, yaml or text', () => {
  const own = documentPaths().filter((path) => path !== 'CHANGELOG.md');
  const nameless = own.flatMap((path) =>
    partsOf(readDocument(path)).flatMap((part) =>
      part.kind === 'block' && !/^(bash|console|sh|yaml|text)$/.test(part.language)
        ? [`${path}:${part.line}: \`\`\`${part.language}`]
        : [],
    ),
  );
  assert.deepEqual(nameless, []);
});

test('the README first installs what its next lines call', () => {
  const [, first = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(readDocument('README.md')) ?? [];
  assert.match(first, /^sudo apt-get update && sudo apt-get install git nodejs npm\ngit clone .*\nnpm ci /);
});
