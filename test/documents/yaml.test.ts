// Configuration shown in the documents is valid, because readers copy it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems, readConfigFile } from '../../src/config/config-file.ts';
import { decodeSelections } from '../../src/config/file-selections.ts';
import { parseConfig } from '../../src/config/load.ts';
import { resolveRegionFile } from '../../src/config/region-file.ts';
import { decodeSources } from '../../src/images/sources/decode-sources.ts';
import { documentPaths, partsOf, readDocument } from './markdown.ts';

/** What the example of the options of a cluster interface leaves out of that. */
const PLACE =
  '    interface: eth1\n    ip: 10.20.0.1\n    network: 10.20.0.0/24\n    ip_range_low: 10.20.0.100\n    ip_range_high: 10.20.0.199\n';

const withPlace = (text: string): string => text.replace('  - name: lab\n', `  - name: lab\n${PLACE}`);

const examples = documentPaths().flatMap((path) =>
  partsOf(readDocument(path)).flatMap((part) => {
    if (part.kind !== 'block' || part.language !== 'yaml') return [];
    const text = part.lines.join('\n');
    return [{ place: `${path}:${part.line}`, text: path.endsWith('/dhcp-options.md') ? withPlace(text) : text }];
  }),
);

/** The file of a region apart from its racks names a store. */
function parseRegionFile(text: string) {
  const read = readConfigFile(text);
  return read.ok ? resolveRegionFile(read.file, {}) : read;
}

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
