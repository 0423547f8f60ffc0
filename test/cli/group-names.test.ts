// A group of commands with a list prints it if no further word is typed. The message for an empty list names the command that adds to it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { asPrinted } from '../support/as-printed.ts';
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

/** The output of a command if the daemon's lists are empty. */
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

test('the message for no keys names the command that adds one for the same user', async () => {
  const sentence = 'There are no keys yet: rackboot sshkeys add ~/.ssh/id_ed25519.pub';
  assert.equal(await say('sshkeys', 'list'), `${asPrinted(sentence, config)}\n`);
  assert.equal(await say('sshkeys', '--username', 'admin'), `${asPrinted(sentence, config)} --username admin\n`);
  const { complaint } = await printedBy(() => runCommandLine(['sshkeys', 'list', '--config', config]));
  assert.match(complaint, /^Note: the local administrator.* .*rackboot(?:\.js)? sshkeys list .*--username NAME$/m);
});

test('the message for no images names the commands that make and add one', async () => {
  const tree = join(stateDir, 'boot');
  const { result, complaint } = await printedBy(() =>
    runCommandLine(['images', 'list', '--tree', tree, '--config', config]),
  );
  assert.equal(result, 1, complaint);
  assert.match(complaint, /there is no directory .*\/boot: --tree names the boot tree/);
  mkdirSync(tree);
  const said = await say('images', 'list', '--tree', tree);
  assert.match(said, /images make-debian .* makes one; .*images add .*FILE --os OS --release RELEASE/);
});
