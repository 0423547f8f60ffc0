// `rackboot config` asked for the values of another host: each refusal names the command that has them, and where to run it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-other-host-'));
const file = join(place, 'rackboot.yaml');
const URL = 'http://10.20.0.5:5240/MAAS';

before(() => writeFileSync(file, `name: far\nstate_dir: ${place}\nregion: { mode: remote, url: "${URL}" }\n`));
after(() => rmSync(place, { recursive: true }));

/** Runs a command; as root, the commands that it names begin with `sudo`, which is left out. */
const config = async (...words: readonly string[]) => {
  const { result, complaint } = await printedBy(() => runCommandLine(['config', ...words, '--config', file]));
  return { result, complaint: complaint.replaceAll('sudo ', '') };
};

const THERE = ' on the host of the region';
const INSTEAD = `; or write the key into ${file}`;
for (const [words, wanted] of [
  [
    ['set', 'boot.kernel_params', 'quiet splash'],
    `set it there: \`rackboot config set boot.kernel_params 'quiet splash'\`${THERE}${INSTEAD}`,
  ],
  [
    ['set', 'cluster_interfaces.eth1.management', '1'],
    `set it there: \`rackboot config set cluster_interfaces.eth1.management 1 --rack far\`${THERE}${INSTEAD}`,
  ],
  [
    ['set', 'cluster_interfaces.eth1', '{ ip: 10.20.0.1 }', '--rack', 'near'],
    `set it there: \`rackboot config set cluster_interfaces.eth1 '{"ip":"10.20.0.1"}' --rack near\`${THERE}${INSTEAD}`,
  ],
  [['unset', 'boot.kernel_params'], `remove it there: \`rackboot config unset boot.kernel_params\`${THERE}`],
] as const)
  test(`a linked rack says how its region does \`config ${words.slice(0, 2).join(' ')}\``, async () => {
    const { result, complaint } = await config(...words);
    assert.equal(result, 2);
    assert.equal(complaint.trim(), `rackboot: ${words[1]}: the region at ${URL} holds the store: ${wanted}`);
  });

test('`show` and `get` of another rack name its host, and what the region has for it', async () => {
  for (const words of [['show'], ['get', 'boot.kernel_params']]) {
    const { result, complaint } = await config(...words, '--rack', 'near');
    assert.equal(result, 2);
    assert.match(complaint, /^rackboot: --rack: .*leave --rack out.*`rackboot config show` on the host of near; /);
    assert.match(complaint, /`rackboot config export --rack near` on the host of the region$/m);
  }
});

test('a key without a value is not called unknown', async () => {
  const { result, complaint } = await config('get', 'tftp.listen');
  assert.equal(result, 2);
  assert.match(complaint, /^rackboot: tftp\.listen: it is not set, and has no fixed default; /);
  assert.match((await config('get', 'tftp.lissten')).complaint, /there is no such key; did you mean tftp\.listen\?/);
});
