// Logins to a machine that runs the environment, through the API and the agent's routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { describeLogins, findDebugLogin } from '../../src/region/life/logins.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import { openRegion } from '../../src/region/region.ts';
import { reasonOf, sentenceOf } from '../support/sentences.ts';
import { addAdmin } from './administrator.ts';
import { heldPower } from './life/held-power.ts';
import { authorizationOf } from './live.ts';
import { type RegionPlace, report, SECRET, withRegion } from './place.ts';

const A = 0x525400000001;
const HOST_KEY = `SHA256:${'k'.repeat(43)}`;
const keyOf = (fill: number, comment: string): string => {
  const parts = [[0, 0, 0, 11], Buffer.from('ssh-ed25519'), [0, 0, 0, 32], Buffer.alloc(32, fill)];
  return `ssh-ed25519 ${Buffer.concat(parts.map((part) => Buffer.from(part))).toString('base64')} ${comment}`;
};
const WORD = { type: 'AUTHORISATION', code: 'rack', params: { text: 'x' }, atMs: 1, username: 'x' } as const;

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly refusal: unknown;
}

/** A region with the administrators ann and abe and the user bob, each with a key; a machine of address A that was accepted. */
class Scene {
  readonly place: RegionPlace;
  readonly region;
  readonly #app;
  readonly id: string;

  constructor(place: RegionPlace, switched: boolean) {
    this.place = place;
    const { store, clock, config } = place;
    place.region.close();
    const power = switched ? heldPower() : undefined;
    this.region = openRegion({ config, store, clock, power, onDesiredState: () => undefined });
    this.#app = buildApp(makeContext(this.region));
    for (const [username, fill] of [
      ['ann', 1],
      ['bob', 2],
    ] as const) {
      store.life.addSshKey({ username, key: keyOf(fill, username), createdMs: 1 }, 4, WORD);
    }
    const outcome = this.region.enlist(report([A]));
    assert.ok(outcome.kind === 'create');
    this.id = outcome.machine.systemId;
  }

  close(): void {
    this.region.close();
  }

  machine(): Machine {
    const machine = this.region.store.findMachine(this.id);
    assert.ok(machine);
    return machine;
  }

  as(username: string): Readonly<Record<string, string>> {
    return { authorization: authorizationOf(createApiKey(this.place.store, this.place.clock, username)) };
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<Answered> {
    const form = method === 'GET' ? {} : { payload: new URLSearchParams(fields).toString() };
    const type = method === 'GET' ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const url = path.startsWith('/') ? path : `/MAAS/api/2.0/machines/${this.id}/?op=${path}`;
    const all = { ...type, ...headers };
    const answer = await this.#app.inject({ method, url, remoteAddress: '10.20.0.50', headers: all, ...form });
    return { status: answer.statusCode, text: answer.body, refusal: answer.headers['x-rackboot-refusal'] };
  }

  /** The agent's request with the token of its present boot, or of another one. */
  agent(path: string, token = this.machine().bootToken ?? '', mac = '52:54:00:00:00:01'): Promise<Answered> {
    return this.ask('GET', `/MAAS/rackboot/1/${path}`, rackOf(token, mac));
  }

  tell(fields: Readonly<Record<string, string>>, token = this.machine().bootToken ?? ''): Promise<Answered> {
    return this.ask('POST', '/MAAS/rackboot/1/signal', rackOf(token), fields);
  }

  log(): string[] {
    return this.region.store
      .listEvents({ machines: { systemIds: [this.id] }, limit: 20 })
      .map((event) => `${sentenceOf(event)} (${event.username})`);
  }
}

const rackOf = (token: string, mac = '52:54:00:00:00:01') => ({
  'x-forwarded-for': '10.20.0.60',
  'x-rackboot-rack': SECRET,
  'x-rackboot-token': token,
  'x-rackboot-boot': mac,
  host: '10.20.0.1:5248',
});

const scene = (title: string, work: (scene: Scene) => Promise<void>, switched = false): void =>
  void test(title, () =>
    withRegion(async (place) => {
      const made = new Scene(place, switched);
      for (const username of ['ann', 'abe', 'bob']) {
        await addAdmin(place.store, place.clock, { username, email: '', password: 'correct horse' });
      }
      place.store.changeUser('bob', { isAdmin: false }, WORD);
      await work(made);
      made.close();
    }),
  );

scene('no debug login is open until a user opens one: no keys, no line in the job, no seconds', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'));
  assert.doesNotMatch((await it.agent('job')).text, /debug/);
  assert.deepEqual((await it.agent('watch')).text, 'wanted=yes\n');
  assert.deepEqual((await it.agent('debug-keys')).refusal, 'not-this-boot');
  assert.deepEqual((await it.ask('GET', 'logins', it.as('bob'))).text, '[]');
});

scene(
  'a debug login accepts the keys of the user who opened it, reports the host key, and is in the log with its end',
  async (it) => {
    await it.ask('POST', 'accept', it.as('ann'));
    const opened = await it.ask('POST', 'debug_login', it.as('ann'), { seconds: '600', comment: 'why it hangs' });
    assert.equal(opened.status, 200, opened.text);
    assert.match((await it.agent('job')).text, /^debug=1$/m);
    assert.equal((await it.agent('watch')).text, 'wanted=yes\ndebug_seconds=600\n');
    assert.equal((await it.agent('debug-keys')).text, `${keyOf(1, 'ann')}\n`);
    await it.tell({ status: 'WORKING', stage: 'login', message: 'open', host_key: HOST_KEY });
    const [login] = JSON.parse((await it.ask('GET', 'logins', it.as('bob'))).text);
    assert.deepEqual(
      [login.kind, login.host_key, login.username, login.keys, login.seconds_left],
      ['debug', HOST_KEY, 'ann', 1, 600],
    );
    assert.ok(
      it.log().some((line) => /^debug login opened for the keys of ann until .* UTC: why it hangs \(ann\)$/.test(line)),
    );
    await it.ask('POST', 'debug_login', it.as('abe'), { off: 'true' });
    assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
    assert.ok(it.log().includes('debug login closed (abe)'));
  },
);

scene('a machine that failed is known by its old token while the debug login is open, for nothing else', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'));
  await it.ask('POST', 'debug_login', it.as('ann'), { seconds: '600' });
  const token = it.machine().bootToken ?? '';
  await it.agent('watch');
  await it.tell({ status: 'FAILED', stage: 'testing', message: 'bits fell over' });
  assert.equal(it.machine().status, 'failed-commissioning');
  assert.equal((await it.agent('watch', token)).text, 'wanted=no\ndebug_seconds=600\n');
  assert.equal((await it.agent('debug-keys', token)).text, `${keyOf(1, 'ann')}\n`);
  for (const path of ['job', 'ssh-keys', 'user-data']) {
    assert.equal((await it.agent(path, token)).refusal, 'not-this-boot', path);
  }
  assert.equal((await it.agent('watch', 'another')).refusal, 'not-this-boot');
  assert.equal((await it.agent('watch', token, '52:54:00:00:00:02')).refusal, 'not-this-boot');
  it.place.clock.advance(601_000);
  assert.equal((await it.agent('watch', token)).refusal, 'not-this-boot');
});

scene('work that was aborted, or begun again, is no longer wanted by the token of its boot', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'));
  const first = it.machine().bootToken ?? '';
  assert.equal((await it.agent('watch', first)).text, 'wanted=yes\n');
  await it.ask('POST', 'abort', it.as('ann'));
  assert.equal((await it.agent('watch', first)).refusal, 'not-this-boot');
  await it.ask('POST', 'commission', it.as('ann'));
  assert.equal((await it.agent('watch', first)).refusal, 'not-this-boot');
  assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
});

scene('a look at whether work is wanted is no sign of life', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'));
  await it.agent('job');
  const deadline = it.machine().statusDeadlineMs;
  it.place.clock.advance(60_000);
  await it.agent('watch');
  assert.equal(it.machine().statusDeadlineMs, deadline);
  await it.agent('job');
  assert.notEqual(it.machine().statusDeadlineMs, deadline);
});

scene(
  'a user without the right is refused a debug login, and a user who lost the right can no longer log in',
  async (it) => {
    await it.ask('POST', 'accept', it.as('ann'));
    const refusals: readonly [string, Readonly<Record<string, string>>, string][] = [
      ['bob', {}, 'not-owner'],
      ['abe', {}, 'no-ssh-key'],
      ['ann', { seconds: '86401' }, 'invalid-parameters'],
      ['ann', { seconds: '0' }, 'invalid-parameters'],
      ['ann', { seconds: 'x' }, 'invalid-parameters'],
      ['bob', { off: 'true' }, 'not-owner'],
    ];
    for (const [username, fields, refusal] of refusals) {
      const answer = await it.ask('POST', 'debug_login', it.as(username), fields);
      assert.equal(answer.refusal, refusal, JSON.stringify([username, fields, answer.text]));
    }
    await it.ask('POST', 'debug_login', it.as('ann'), {});
    const open = () => findDebugLogin(it.region, it.machine());
    assert.equal(open()?.secondsLeft, 3600);
    it.place.store.changeUser('ann', { isAdmin: false }, WORD);
    assert.equal(open(), undefined);
    assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
    assert.equal((await it.agent('debug-keys')).refusal, 'not-this-boot');
  },
);

scene('the owner of a machine debugs it, until it is given back', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
  await it.ask('POST', '/MAAS/api/2.0/machines/?op=allocate', it.as('bob'), { system_id: it.id });
  assert.equal((await it.ask('POST', 'debug_login', it.as('bob'), { seconds: '86400' })).status, 200);
  assert.equal(findDebugLogin(it.region, it.machine())?.username, 'bob');
  await it.ask('POST', 'release', it.as('bob'));
  assert.equal(findDebugLogin(it.region, it.machine()), undefined);
});

scene('a clock that goes back gives a debug login no more time than it had', async (it) => {
  await it.ask('POST', 'debug_login', it.as('ann'), { seconds: '600' });
  it.place.clock.stepWall(-86_400_000);
  assert.equal(findDebugLogin(it.region, it.machine())?.secondsLeft, 600);
});

scene(
  'a rescue accepts the owner’s keys, or those of the user who requested it if the machine has no owner',
  async (it) => {
    const refused = await it.ask('POST', 'rescue_mode', it.as('abe'));
    assert.equal(refused.refusal, 'no-ssh-key');
    assert.match(refused.text, /abe has no SSH key.*rackboot sshkeys add FILE --username abe/);
    await it.ask('POST', 'rescue_mode', it.as('ann'));
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(1, 'ann')}\n`);
    assert.match((await it.agent('job')).text, /^job=rescue\n/);
    await it.tell({ status: 'WORKING', stage: 'started', message: '' });
    assert.equal(it.machine().status, 'entering-rescue-mode');
    await it.tell({ status: 'OK', stage: 'login', message: 'login is possible', host_key: HOST_KEY });
    assert.equal(it.machine().status, 'rescue-mode');
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(1, 'ann')}\n`);
    await it.tell({ status: 'WORKING', stage: 'login', message: 'login is possible', host_key: 'SHA256:$(reboot)' });
    const [login] = describeLogins(it.region, it.machine());
    assert.deepEqual([login?.kind, login?.hostKey, login?.username, login?.keys], ['rescue', HOST_KEY, 'ann', 1]);
  },
);

scene(
  'a machine without a power driver leaves rescue mode itself, and returns to its former state when it reports',
  async (it) => {
    await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
    await it.ask('POST', 'rescue_mode', it.as('ann'));
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    await it.ask('POST', 'exit_rescue_mode', it.as('ann'));
    assert.deepEqual([it.machine().status, reasonOf(it.machine())], ['exiting-rescue-mode', '']);
    assert.notEqual(it.machine().statusDeadlineMs, undefined);
    assert.equal((await it.agent('job')).text, 'job=poweroff\n');
    const token = it.machine().bootToken;
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    assert.deepEqual([it.machine().status, it.machine().bootToken], ['ready', undefined]);
    assert.equal((await it.agent('job', token)).refusal, 'not-this-boot');
  },
);

scene('a machine in rescue mode that no longer reports returns to its former state at once', async (it) => {
  await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
  await it.ask('POST', 'rescue_mode', it.as('ann'));
  await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
  it.place.clock.advance(200_000);
  await it.ask('POST', 'exit_rescue_mode', it.as('ann'));
  assert.equal(it.machine().status, 'ready');
});

scene(
  'a machine that was Deployed restarts from its rescue',
  async (it) => {
    const { store, clock } = it.place;
    await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
    store.changeMachine<never>(it.id, clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: { status: 'deployed', owner: 'bob', netboot: false },
      events: [],
    }));
    await it.ask('POST', 'rescue_mode', it.as('ann'));
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(2, 'bob')}\n`);
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    await it.ask('POST', 'exit_rescue_mode', it.as('bob'));
    assert.equal((await it.agent('job')).text, 'job=reboot\n');
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    const { status, owner, netboot } = it.machine();
    assert.deepEqual([status, owner, netboot], ['deployed', 'bob', false]);
  },
  true,
);

scene(
  'a machine that must leave rescue mode is switched after a minute without a report; one that reports leaves it itself',
  async (it) => {
    const deploy = { status: 'deployed', owner: 'bob' } as const;
    const { store, clock } = it.place;
    await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
    for (const signs of [false, true]) {
      store.changeMachine<never>(it.id, clock.wallTimeMs(), () => ({ kind: 'change', fields: deploy, events: [] }));
      await it.ask('POST', 'rescue_mode', it.as('bob'));
      await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
      await it.ask('POST', 'exit_rescue_mode', it.as('bob'));
      assert.equal(it.machine().powerTask, undefined);
      if (signs) await it.agent('job');
      clock.advance(70_000);
      assert.deepEqual(
        [it.machine().status, it.machine().powerTask],
        ['exiting-rescue-mode', signs ? undefined : 'cycle'],
      );
      clock.advance(310_000);
      assert.equal(it.machine().status, 'failed-exiting-rescue-mode');
      assert.equal((await it.ask('POST', 'exit_rescue_mode', it.as('bob'))).status, 200);
      assert.equal(it.machine().powerTask, 'cycle');
    }
  },
  true,
);

scene(
  'a rescue that is aborted while it begins is ended by the machine, which may still report its login',
  async (it) => {
    await it.ask('POST', 'accept', it.as('ann'), { skip_commissioning: 'true' });
    await it.ask('POST', 'rescue_mode', it.as('ann'));
    await it.tell({ status: 'WORKING', stage: 'started', message: '' });
    await it.ask('POST', 'abort', it.as('ann'));
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    assert.equal(it.machine().status, 'exiting-rescue-mode');
    assert.equal((await it.agent('job')).text, 'job=poweroff\n');
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    assert.equal(it.machine().status, 'ready');
  },
);
