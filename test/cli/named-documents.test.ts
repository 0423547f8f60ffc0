// A document that a sentence names is named where this installation has it.

import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findOwnDocuments } from '../../src/control/own-documents.ts';
import { nameDocuments, REINSTALL } from '../../src/ground/named-documents.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const PACKAGED = '/usr/share/doc/rackboot/';

const CASES: readonly (readonly [text: string, inPackage: string])[] = [
  ['see docs/power.md, "Power".', `see ${PACKAGED}docs/power.md, "Power".`],
  [
    'unknown key; see config/rackboot.yaml for all keys',
    `unknown key; see ${PACKAGED}config/rackboot.yaml for all keys`,
  ],
  ['(docs/racks.md) `docs/racks.md`', `(${PACKAGED}docs/racks.md) \`${PACKAGED}docs/racks.md\``],
  [`run ${REINSTALL}; more`, 'run `sudo apt install --reinstall rackboot`; more'],
  ['/home/ann/config/rackboot.yaml, ./docs/power.md', '/home/ann/config/rackboot.yaml, ./docs/power.md'],
  ['config/rackboot.yaml:3: unknown key', 'config/rackboot.yaml:3: unknown key'],
];

test('in a package, sentences name its documents and how to install it again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-documents-'));
  const place = findOwnDocuments('/', directory);
  assert.deepEqual(place, { directory: PACKAGED, isPackaged: true });
  for (const [text, inPackage] of CASES) {
    assert.equal(nameDocuments(text, place), inPackage);
    assert.equal(nameDocuments(text, findOwnDocuments(ROOT)), text, 'in the directory of a checkout');
  }
  mkdirSync(join(directory, 'docs'));
  assert.deepEqual(findOwnDocuments(dirname(directory), directory), {
    directory: `${directory.split('/').at(-1)}/`,
    isPackaged: false,
  });
  assert.equal(findOwnDocuments('/etc', directory).directory, `${directory}/`);
  rmSync(directory, { recursive: true });
});

test('every document that a message names exists, and the package has it at that place', () => {
  const named = globSync('src/**/*.ts', { cwd: ROOT })
    .flatMap((file) => readFileSync(join(ROOT, file), 'utf8').split('\n'))
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .flatMap((line) => line.match(/\b(?:docs\/[a-z0-9-]+\.md|config\/rackboot\.yaml)/g) ?? []);
  assert.ok(named.length > 10);
  assert.deepEqual(
    [...new Set(named)].filter((name) => !existsSync(join(ROOT, name))),
    [],
  );
  const packaging = readFileSync(join(ROOT, 'packaging/debian-package.ts'), 'utf8');
  assert.match(packaging, /const DOCUMENTS = 'usr\/share\/doc\/rackboot'/);
});
