// Configuration shown in the documents is valid, because readers copy it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems, readConfigFile } from '../../src/config/config-file.ts';
import { decodeSelections } from '../../src/config/file-selections.ts';
import { parseConfig } from '../../src/config/load.ts';
import { resolveRegionFile } from '../../src/config/region-file.ts';
import { decodeSources } from '../../src/images/sources/decode-sources.ts';
import { documentPaths, partsOf, readDocument } from './markdown.ts';

/** The page whose example is a part of a cluster interface, and has a test of its own. */
const APART = 'docs/reference/dhcp-options.md';

const examples = documentPaths()
  .filter((path) => path !== APART)
  .flatMap((path) =>
    partsOf(readDocument(path)).flatMap((part) =>
      part.kind === 'block' && part.language === 'yaml'
        ? [{ place: `${path}:${part.line}`, text: part.lines.join('\n') }]
        : [],
    ),
  );

/** The file of a region apart from its racks names a store. */
function parseRegionFile(text: string) {
  const read = readConfigFile(text);
  return read.ok ? resolveRegionFile(read.file, {}) : read;
}

test('the documents show configuration', () => assert.ok(examples.length >= 8, String(examples.length)));

/** True for a part of `image-sources.yaml`, which has none of the configuration's keys. */
const isOfSources = (text: string): boolean => /^(?:sources|releases|selections):/m.test(text);

for (const { place, text } of examples.filter((one) => isOfSources(one.text)))
  test(`the sources at ${place} are accepted as they stand`, () => {
    const decoded = decodeSources(text, decodeSelections);
    assert.deepEqual(decoded.ok ? [] : decoded.problems, []);
  });

for (const { place, text } of examples.filter((one) => !isOfSources(one.text)))
  test(`the example at ${place} is accepted as it stands`, () => {
    const parsed = /^ +store:/m.test(text) ? parseRegionFile(text) : parseConfig(text);
    assert.ok(parsed.ok, parsed.ok ? '' : formatProblems(place, parsed.problems));
  });
