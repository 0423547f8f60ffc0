// A shell completes names of machines, images, keys and interfaces, without a parser.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { proposeNames } from '../../../src/cli/completion/names.ts';
import { KEYS } from '../../../src/config/keys.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-names-'));
const config = join(place, 'rackboot.yaml');
const elsewhere = join(place, 'elsewhere.yaml');
const daemon = createServer(({ url }, answer) => {
  answer.setHeader('Content-Type', 'application/json');
  answer.end(url === '/machine-names' ? '["calm-ibis","tall-newt"]' : '{}');
});
before(async () => {
  writeFileSync(config, `name: rack\nstate_dir: "${place}"\nboot:\n  tree: ${place}/tree # here\n`);
  mkdirSync(join(place, 'tree/images/.manifests'), { recursive: true });
  for (const serial of ['20260101', '20260102'])
    writeFileSync(join(place, `tree/images/.manifests/debian~bookworm~amd64~generic~stable~${serial}.json`), '');
  await new Promise<void>((resolve) => daemon.listen(join(place, CONTROL_SOCKET), resolve));
});
after(() => {
  daemon.close();
  rmSync(place, { recursive: true });
});

const MACHINES = ['calm-ibis', 'tall-newt'];
const IMAGES = ['20260101', '20260102'].map((serial) => `debian/bookworm/amd64/generic/stable/${serial}`);

test('each place of a name proposes what is there', async () => {
  const cases: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['machines show ', MACHINES],
    ['machines deploy ca', MACHINES],
    ['machines deploy calm-ibis ', ['debian/bookworm']],
    ['machines merge calm-ibis ', MACHINES],
    ['power on --wait ', MACHINES],
    ['trace ', MACHINES],
    ['events --machine ', MACHINES],
    ['images remove deb', IMAGES],
    ['config get dns.', KEYS],
    ['config set ', KEYS.map((key) => `${key}=`)],
    ['init --interface ', readdirSync('/sys/class/net').filter((name) => name !== 'lo')],
    ['machines add ', undefined],
    ['machines list ', undefined],
    ['machines show --', undefined],
    ['lea', undefined],
  ];
  process.env.RACKBOOT_CONFIG = config;
  for (const [line, expected] of cases) assert.deepEqual(await proposeNames(line.split(' ')), expected, line);
  const other = ['machines', '--config', elsewhere, 'show', ''];
  writeFileSync(elsewhere, 'state_dir: /nonexistent\n');
  assert.deepEqual(await proposeNames(other), [], 'of another configuration, where no daemon answers');
  delete process.env.RACKBOOT_CONFIG;
});
