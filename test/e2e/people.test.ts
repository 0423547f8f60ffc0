// `rackboot users`, `password` and `tags` with a running daemon: their effects, their refusals, and that no password is shown.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RunningRack, runRackboot } from '../support/running-rack.ts';

const FIRST = 'correct horse battery';
const SECOND = 'another staple';

test('accounts, passwords and tags by the command line', { skip: missing('linux'), timeout: 120_000 }, async (t) => {
  const place = labPlace(96);
  const rack = new RunningRack(place);
  after(() => rack.remove());
  await rack.startWhole();
  const run = async (...args: readonly string[]) => {
    const { code, output, complaints } = await runRackboot([...args, '--config', rack.configFile]);
    const text = [...output, ...complaints].join('\n');
    for (const secret of [FIRST, SECOND]) assert.ok(!text.includes(secret), 'no password is shown');
    return { code, text, out: output.join('\n') };
  };
  const file = (name: string, text: string): string => {
    const path = join(rack.stateDir, name);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  };
  const first = file('first', FIRST);
  const signIn = async (username: string, password: string): Promise<boolean> => {
    const form = new URLSearchParams({ username, password, to: '/MAAS/' });
    const answer = await fetch(`http://127.0.0.1:${place.regionPort}/MAAS/login/`, {
      ...{ method: 'POST', body: form, redirect: 'manual' },
    });
    return answer.status === 303;
  };

  await t.test('users are added, listed and removed', async () => {
    assert.match((await run('users', 'list')).text, /createadmin/);
    assert.equal((await run('createadmin', '--username', 'ann', '--password-file', first)).code, 0);
    const added = await run('users', 'add', 'bob', '--email', 'bob@example.org', '--password-file', first);
    assert.deepEqual([added.code, added.out], [0, 'bob is a user.']);
    assert.match((await run('users', 'list')).out, /^ann +administrator/m);
    const listed = JSON.parse((await run('users', 'list', '--json')).out);
    assert.deepEqual(
      listed.map(({ username }: { readonly username: string }) => username),
      ['ann', 'bob'],
    );
    assert.match((await run('users', 'add', 'bob', '--password-file', first)).text, /The user bob exists/);
    const last = await run('users', 'remove', 'ann');
    assert.notEqual(last.code, 0);
    assert.match(last.text, /ann is the last administrator/);
    const nobody = await run('users', 'remove', 'bbo');
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.text,
      /^rackboot: there is no user bbo: did you mean bob\? `.*rackboot.* users list .*shows all$/,
    );
    // Refused before it asks for a password, which it could not without a terminal.
    assert.match(
      (await run('users', 'add', 'bob')).text,
      /^rackboot: a user bob exists: .*rackboot.* password .*bob` gives/,
    );
  });

  await t.test('a password is reset, and one that is too short is refused wherever it is chosen', async () => {
    assert.equal(await signIn('bob', FIRST), true);
    assert.equal((await run('password', 'bob', '--password-file', file('second', `${SECOND}\n\na note`))).code, 0);
    assert.equal(await signIn('bob', FIRST), false);
    assert.equal(await signIn('bob', SECOND), true);
    const short = file('short', 'seven77');
    for (const args of [
      ['password', 'bob'],
      ['users', 'add', 'eve'],
      ['createadmin', '--username', 'eve'],
    ]) {
      const refused = await run(...args, '--password-file', short);
      assert.equal(refused.code, 2, refused.text);
      assert.match(refused.text, /at least 8 characters/);
    }
    const nobody = await run('password', 'nobody', '--password-file', first);
    assert.equal(nobody.code, 1);
    assert.match(nobody.text, /there is no user nobody: `.*rackboot(?:\.js)? users list/);
    assert.match((await run('password', 'bbo', '--password-file', first)).text, /: did you mean bob\? `/);
    assert.match((await run('apikey', '--username', 'bbo')).text, /: did you mean bob\? `/);
    const log = JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/api/2.0/events/?op=query&level=AUDIT'));
    assert.match(log, /changed the password of bob/);
    assert.ok(!log.includes(SECOND) && !log.includes('scrypt'));
    assert.equal((await run('users', 'remove', 'bob')).code, 0);
    assert.equal(await signIn('bob', SECOND), false);
  });

  await t.test('tags are added, given to machines, listed and removed', async () => {
    const form = new URLSearchParams({ hostname: 'm1', mac_addresses: '52:54:00:96:00:01', architecture: 'amd64' });
    await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
    assert.match((await run('tags', 'list')).out, /rackboot(?:\.js)? tags add/);
    assert.equal(
      (await run('tags', 'add', 'serial', '--comment', 'a console', '--kernel-opts', 'console=ttyS0')).code,
      0,
    );
    assert.equal((await run('tags', 'add', 'two words')).code, 2);
    assert.match((await run('tags', 'list')).out, /^serial +console=ttyS0 +a console$/m);
    for (const words of [
      ['remove', 'seral'],
      ['update-nodes', 'seral', '--add', 'm1'],
    ]) {
      const misspelt = await run('tags', ...words);
      assert.equal(misspelt.code, 1);
      assert.match(misspelt.text, /^rackboot: there is no tag seral: did you mean serial\? `.*rackboot.* tags list/);
    }
    const given = await run('tags', 'update-nodes', 'serial', '--add', 'm1');
    assert.equal(given.code, 0, given.text);
    assert.equal((await run('tags', 'update-nodes', 'serial')).code, 2);
    const machines = JSON.stringify(await askDaemon(rack.stateDir, '/MAAS/api/2.0/tags/serial/?op=machines'));
    assert.match(machines, /"hostname":"m1"/);
    assert.equal((await run('tags', 'remove', 'serial')).code, 0);
    assert.equal((await run('tags', 'remove', 'serial')).code, 1);
  });

  await t.test('a misspelt machine is answered with the nearest name', async () => {
    const form = new URLSearchParams({
      hostname: 'wise-spruce',
      mac_addresses: '52:54:00:96:00:02',
      architecture: 'amd64',
    });
    await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
    const misspelt = await run('machines', 'show', 'wise-sprce');
    assert.equal(misspelt.code, 1);
    assert.match(misspelt.text, /no machine is called wise-sprce; did you mean wise-spruce\? `.*machines list/);
    assert.match((await run('why', 'wise-sprce')).text, /is called wise-sprce; did you mean wise-spruce\? /);
  });
});
