// A group of commands that keeps a list shows it when no more is typed; what it says of an empty list names the command as it has to be typed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { printedBy } from '../support/printed.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-groups-'));
const config = join(stateDir, 'rackboot.yaml');
const server = createServer((_, response) => {
  response.setHeader('Content-Type', 'application/json').end('[]');
});

before(async () => {
  writeFileSync(config, `state_dir: ${stateDir}\n`);
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
});
after(() => {
  server.close();
  rmSync(stateDir, { recursive: true });
});

/** What a command prints, of a daemon that has nothing. */
async function say(...words: readonly string[]): Promise<string> {
  const { result, text } = await printedBy(() => runCommandLine([...words, '--config', config]));
  assert.equal(result, 0);
  return text;
}

for (const group of ['users', 'tags', 'sshkeys', 'racks']) {
  test(`rackboot ${group} lists as rackboot ${group} list does`, async () => {
    const listed = await say(group, 'list');
    assert.notEqual(listed, '');
    assert.equal(await say(group), listed);
  });
}

test('who has no key reads the command that adds one for the same user', async () => {
  const command = 'rackboot sshkeys add ~/.ssh/id_ed25519.pub';
  assert.equal(await say('sshkeys', 'list'), `No key yet: ${command}\n`);
  assert.equal(await say('sshkeys', '--username', 'admin'), `No key yet: ${command} --username admin\n`);
});

test('who has no image reads how one is made, and how one is added', async () => {
  const said = await say('images', 'list', '--tree', join(stateDir, 'boot'));
  assert.match(said, /images make-debian.* makes one; .*images add FILE --os OS --release RELEASE/);
});
