// No link of README, docs or changelog is dead, and every document that the code names is there.

import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { anchorsOf, documentPaths, linksOf, ROOT, readDocument } from './markdown.ts';

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
      [...readDocument(path).matchAll(/\b(?:docs\/(?:reference\/)?[\w-]+|CONTRIBUTING)\.md(?:#[\w-]+)?/g)].flatMap(
        ([target]) => {
          const why = target.includes('nowhere') ? undefined : fault('README.md', target);
          return why === undefined ? [] : [`${path}: ${target}: ${why}`];
        },
      ),
  );
  assert.deepEqual(dead, []);
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
