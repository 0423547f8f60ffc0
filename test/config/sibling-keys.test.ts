// The message for a misspelt key names the nearest valid key of the same place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';

const CASES: readonly (readonly [text: string, path: string, meant: string | undefined])[] = [
  ['stat_dir: /x', 'stat_dir', 'state_dir'],
  ['boot: { relase: trixie }', 'boot.relase', 'release'],
  ['cluster_interfaces: [{ name: a, netwrok: 10.0.0.0/24 }]', 'cluster_interfaces[0].netwrok', 'network'],
  ['dns: { upstraem: [10.0.0.1] }', 'dns.upstraem', 'upstream'],
  ['log: { levl: info }', 'log.levl', 'level'],
  ['boot: { xyzzyplugh: 1 }', 'boot.xyzzyplugh', undefined],
];

for (const [text, path, meant] of CASES) {
  test(`the message for ${path} proposes ${meant ?? 'nothing'}`, () => {
    const parsed = parseConfig(text);
    assert.ok(!parsed.ok);
    const found =
      parsed.problems.find((problem) => problem.path === path) ?? assert.fail(JSON.stringify(parsed.problems));
    if (meant === undefined) assert.match(found.message, /^unknown key; see config\/rackboot\.yaml/);
    else assert.ok(found.message.startsWith(`unknown key; did you mean ${meant}?`), found.message);
  });
}
