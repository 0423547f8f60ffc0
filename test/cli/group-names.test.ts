// A group of commands with a list prints it if no further word is typed.

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
