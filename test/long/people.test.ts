// `rackboot users`, `password` and `tags`: what they refuse, and what they say of a misspelt name.
// @host alone

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { PeopledRack } from '../support/peopled-rack.ts';

test('refusals of accounts, passwords and tags by the command line', {
  skip: missing('linux'),
}, async (t) => {
  const people = new PeopledRack(labPlace(110));
  const { rack, first } = people;
  const run = people.run.bind(people);
  after(() => rack.remove());
  await rack.startWhole();

  await t.test('users', async () => {
    assert.match((await run('users', 'list')).text, /createadmin/);
    assert.equal((await run('createadmin', '--username', 'ann', '--password-file', first)).code, 0);
    assert.equal((await run('users', 'add', 'bob', '--password-file', first)).code, 0);
    const listed = JSON.parse((await run('users', 'list', '--json')).out);
    assert.deepEqual(
      listed.map(({ username }: { readonly username: string }) => username),
      ['ann', 'bob'],
    );
    assert.match((await run('users', 'add', 'bob', '--password-file', first)).text, /The user bob exists/);
    const nobody = await run('users', 'remove', 'bbo');
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.text,
      /^rackboot: there is no user bbo: did you mean bob\? `.*rackboot.* users list .*shows all$/,
    );
    // Refused before it asks for a password, which it could not without a terminal.
    assert.match(
      (await run('users', 'add', 'bob')).text,
      /^rackboot: The user bob exists already: .*rackboot.* password .*bob`/,
    );
  });

  await t.test('passwords', async () => {
    const short = people.file('short', 'seven77');
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
  });

  await t.test('tags', async () => {
    await people.addMachine('m1', '52:54:00:96:00:01');
    assert.match((await run('tags', 'list')).out, /rackboot(?:\.js)? tags add/);
    assert.equal((await run('tags', 'add', 'serial')).code, 0);
    assert.equal((await run('tags', 'add', 'two words')).code, 2);
    for (const words of [
      ['remove', 'seral'],
      ['update-nodes', 'seral', '--add', 'm1'],
    ]) {
      const misspelt = await run('tags', ...words);
      assert.equal(misspelt.code, 1);
      assert.match(misspelt.text, /^rackboot: there is no tag seral: did you mean serial\? `.*rackboot.* tags list/);
    }
    assert.equal((await run('tags', 'update-nodes', 'serial')).code, 2);
    assert.equal((await run('tags', 'remove', 'serial')).code, 0);
    assert.equal((await run('tags', 'remove', 'serial')).code, 1);
  });

  await t.test(
    'a misspelt machine is answered with the nearest name, a rack that does not exist with its own',
    async () => {
      await people.addMachine('wise-spruce', '52:54:00:96:00:02');
      const misspelt = await run('machines', 'show', 'wise-sprce');
      assert.equal(misspelt.code, 1);
      assert.match(misspelt.text, /no machine is called wise-sprce; did you mean wise-spruce\? `.*machines list/);
      assert.match((await run('events', '--machine', 'nobody')).text, /no machine is called nobody/);
      assert.match((await run('racks', 'accept', 'rack-9')).text, /no rack is called rack-9/);
      assert.match((await run('why', 'wise-sprce')).text, /is called wise-sprce; did you mean wise-spruce\? /);
    },
  );
});
