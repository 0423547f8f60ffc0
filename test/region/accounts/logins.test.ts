// Logins to a machine that runs the environment, through the API and the agent's routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { describeLogins, findDebugLogin } from '../../../src/region/life/logins.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { reasonOf, sentenceOf } from '../../support/sentences.ts';
import { heldPower } from '../life/held-power.ts';
import { type RegionPlace, report, SECRET, withRegion } from '../place.ts';
import { addAdmin } from './administrator.ts';
import './cheap-hashes.ts';
import { assertStatus } from '../../support/answered.ts';

const A = 0x525400000001;
const HOST_KEY = `SHA256:${'k'.repeat(43)}`;
const keyOf = (fill: number, comment: string) => {
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
  readonly region: Region;
  readonly #app;
  readonly id: string;

  private constructor(place: RegionPlace, region: Region, id: string) {
    this.place = place;
    this.region = region;
    this.#app = buildApp(makeContext(region));
    this.id = id;
  }

  static async make(place: RegionPlace, switched: boolean): Promise<Scene> {
    const { store, clock, config } = place;
    place.region.close();
    const power = switched ? heldPower() : undefined;
    const region = await openRegion({ config, store, clock, power, onDesiredState: () => undefined });
    for (const [username, fill] of [
      ['ann', 1],
      ['bob', 2],
    ] as const) {
      await store.life.addSshKey({ username, key: keyOf(fill, username), createdMs: 1 }, 4, WORD);
    }
    const outcome = await region.enlist(report([A]));
    assert.ok(outcome.kind === 'create');
    return new Scene(place, region, outcome.machine.systemId);
  }

  close(): void {
    this.region.close();
  }

  async machine(): Promise<Machine> {
    const machine = await this.region.store.findMachine(this.id);
    assert.ok(machine);
    return machine;
  }

  async as(username: string): Promise<Readonly<Record<string, string>>> {
    return { authorization: authorizationOf(await createApiKey(this.place.store, this.place.clock, username)) };
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
  async agent(path: string, token?: string, mac?: string): Promise<Answered> {
    return this.ask('GET', `/MAAS/rackboot/1/${path}`, rackOf(token ?? (await this.#token()), mac));
  }

  async tell(fields: Readonly<Record<string, string>>): Promise<Answered> {
    return this.ask('POST', '/MAAS/rackboot/1/signal', rackOf(await this.#token()), fields);
  }

  async #token() {
    return (await this.machine()).bootToken ?? '';
  }

  async log(): Promise<string[]> {
    return (await this.region.store.listEvents({ machines: { systemIds: [this.id] }, limit: 20 })).map(
      (event) => `${sentenceOf(event)} (${event.username})`,
    );
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
      const made = await Scene.make(place, switched);
      for (const username of ['ann', 'abe', 'bob']) {
        await addAdmin(place.store, place.clock, { username, email: '', password: 'correct horse' });
      }
      await place.store.accounts.changeUser('bob', { isAdmin: false }, WORD);
      await work(made);
      made.close();
    }),
  );

scene('no debug login is open until a user opens one: no keys, no line in the job, no seconds', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'));
  assert.doesNotMatch((await it.agent('job')).text, /debug/);
  assert.deepEqual((await it.agent('watch')).text, 'wanted=yes\n');
  assert.deepEqual((await it.agent('debug-keys')).refusal, 'not-this-boot');
  assert.deepEqual((await it.ask('GET', 'logins', await it.as('bob'))).text, '[]');
});

scene(
  'a debug login accepts the keys of the user who opened it, reports the host key, and is in the log with its end',
  async (it) => {
    await it.ask('POST', 'accept', await it.as('ann'));
    await assertStatus(
      it.ask('POST', 'debug_login', await it.as('ann'), { seconds: '600', comment: 'why it hangs' }),
      200,
    );
    assert.match((await it.agent('job')).text, /^debug=1$/m);
    assert.equal((await it.agent('watch')).text, 'wanted=yes\ndebug_seconds=600\n');
    assert.equal((await it.agent('debug-keys')).text, `${keyOf(1, 'ann')}\n`);
    await it.tell({ status: 'WORKING', stage: 'login', message: 'open', host_key: HOST_KEY });
    const [login] = JSON.parse((await it.ask('GET', 'logins', await it.as('bob'))).text);
    assert.deepEqual(
      [login.kind, login.host_key, login.username, login.keys, login.seconds_left],
      ['debug', HOST_KEY, 'ann', 1, 600],
    );
    assert.ok(
      (await it.log()).some((line) =>
        /^debug login opened for the keys of ann until .* UTC: why it hangs \(ann\)$/.test(line),
      ),
    );
    await it.ask('POST', 'debug_login', await it.as('abe'), { off: 'true' });
    assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
    assert.ok((await it.log()).includes('debug login closed (abe)'));
  },
);

scene('a machine that failed is known by its old token while the debug login is open, for nothing else', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'));
  await it.ask('POST', 'debug_login', await it.as('ann'), { seconds: '600' });
  const token = (await it.machine()).bootToken ?? '';
  await it.agent('watch');
  await it.tell({ status: 'FAILED', stage: 'testing', message: 'bits fell over' });
  assert.equal((await it.machine()).status, 'failed-commissioning');
  assert.equal((await it.agent('watch', token)).text, 'wanted=no\ndebug_seconds=600\n');
  assert.equal((await it.agent('debug-keys', token)).text, `${keyOf(1, 'ann')}\n`);
  for (const path of ['job', 'ssh-keys', 'user-data']) {
    assert.equal((await it.agent(path, token)).refusal, 'not-this-boot', path);
  }
  assert.equal((await it.agent('watch', 'another')).refusal, 'not-this-boot');
  assert.equal((await it.agent('watch', token, '52:54:00:00:00:02')).refusal, 'not-this-boot');
  await it.place.clock.pass(601_000);
  assert.equal((await it.agent('watch', token)).refusal, 'not-this-boot');
});

scene('work that was aborted, or begun again, is no longer wanted by the token of its boot', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'));
  const first = (await it.machine()).bootToken ?? '';
  assert.equal((await it.agent('watch', first)).text, 'wanted=yes\n');
  await it.ask('POST', 'abort', await it.as('ann'));
  assert.equal((await it.agent('watch', first)).refusal, 'not-this-boot');
  await it.ask('POST', 'commission', await it.as('ann'));
  assert.equal((await it.agent('watch', first)).refusal, 'not-this-boot');
  assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
});

scene('a look at whether work is wanted is not a sign of life', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'));
  await it.agent('job');
  const deadline = (await it.machine()).statusDeadlineMs;
  await it.place.clock.pass(60_000);
  await it.agent('watch');
  assert.equal((await it.machine()).statusDeadlineMs, deadline);
  await it.agent('job');
  assert.notEqual((await it.machine()).statusDeadlineMs, deadline);
});

scene(
  'a user without the right is refused a debug login, and a user who lost the right can no longer log in',
  async (it) => {
    await it.ask('POST', 'accept', await it.as('ann'));
    const refusals: readonly [string, Readonly<Record<string, string>>, string][] = [
      ['bob', {}, 'not-owner'],
      ['abe', {}, 'no-ssh-key'],
      ['ann', { seconds: '86401' }, 'invalid-parameters'],
      ['ann', { seconds: '0' }, 'invalid-parameters'],
      ['ann', { seconds: 'x' }, 'invalid-parameters'],
      ['bob', { off: 'true' }, 'not-owner'],
    ];
    for (const [username, fields, refusal] of refusals) {
      const answer = await it.ask('POST', 'debug_login', await it.as(username), fields);
      assert.equal(answer.refusal, refusal, JSON.stringify([username, fields, answer.text]));
    }
    await it.ask('POST', 'debug_login', await it.as('ann'), {});
    const open = async () => findDebugLogin(it.region, await it.machine());
    assert.equal((await open())?.secondsLeft, 3600);
    await it.place.store.accounts.changeUser('ann', { isAdmin: false }, WORD);
    assert.equal(await open(), undefined);
    assert.equal((await it.agent('watch')).text, 'wanted=yes\n');
    assert.equal((await it.agent('debug-keys')).refusal, 'not-this-boot');
  },
);

scene('the owner of a machine debugs it, until it is given back', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
  await it.ask('POST', '/MAAS/api/2.0/machines/?op=allocate', await it.as('bob'), { system_id: it.id });
  await assertStatus(it.ask('POST', 'debug_login', await it.as('bob'), { seconds: '86400' }), 200);
  assert.equal((await findDebugLogin(it.region, await it.machine()))?.username, 'bob');
  await it.ask('POST', 'release', await it.as('bob'));
  assert.equal(await findDebugLogin(it.region, await it.machine()), undefined);
});

scene('a clock that goes back gives a debug login no more time than it had', async (it) => {
  await it.ask('POST', 'debug_login', await it.as('ann'), { seconds: '600' });
  it.place.clock.stepWall(-86_400_000);
  assert.equal((await findDebugLogin(it.region, await it.machine()))?.secondsLeft, 600);
});

scene(
  'a rescue accepts the owner’s keys, or those of the user who requested it if the machine has no owner',
  async (it) => {
    const refused = await it.ask('POST', 'rescue_mode', await it.as('abe'));
    assert.equal(refused.refusal, 'no-ssh-key');
    assert.match(refused.text, /abe has no SSH key.*rackboot sshkeys add FILE --username abe/);
    await it.ask('POST', 'rescue_mode', await it.as('ann'));
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(1, 'ann')}\n`);
    assert.match((await it.agent('job')).text, /^job=rescue\n/);
    await it.tell({ status: 'WORKING', stage: 'started', message: '' });
    assert.equal((await it.machine()).status, 'entering-rescue-mode');
    await it.tell({ status: 'OK', stage: 'login', message: 'login is possible', host_key: HOST_KEY });
    assert.equal((await it.machine()).status, 'rescue-mode');
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(1, 'ann')}\n`);
    await it.tell({ status: 'WORKING', stage: 'login', message: 'login is possible', host_key: 'SHA256:$(reboot)' });
    const [login] = await describeLogins(it.region, await it.machine());
    assert.deepEqual([login?.kind, login?.hostKey, login?.username, login?.keys], ['rescue', HOST_KEY, 'ann', 1]);
  },
);

scene(
  'a machine without a power driver leaves rescue mode itself, and returns to its former state when it reports',
  async (it) => {
    await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
    await it.ask('POST', 'rescue_mode', await it.as('ann'));
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    await it.ask('POST', 'exit_rescue_mode', await it.as('ann'));
    assert.deepEqual([(await it.machine()).status, reasonOf(await it.machine())], ['exiting-rescue-mode', '']);
    assert.notEqual((await it.machine()).statusDeadlineMs, undefined);
    assert.equal((await it.agent('job')).text, 'job=poweroff\n');
    const token = (await it.machine()).bootToken;
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    assert.deepEqual([(await it.machine()).status, (await it.machine()).bootToken], ['ready', undefined]);
    assert.equal((await it.agent('job', token)).refusal, 'not-this-boot');
  },
);

scene('a machine in rescue mode that no longer reports returns to its former state at once', async (it) => {
  await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
  await it.ask('POST', 'rescue_mode', await it.as('ann'));
  await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
  await it.place.clock.pass(200_000);
  await it.ask('POST', 'exit_rescue_mode', await it.as('ann'));
  assert.equal((await it.machine()).status, 'ready');
});

scene(
  'a machine that was Deployed restarts from its rescue',
  async (it) => {
    const { store, clock } = it.place;
    await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
    await store.changeMachine<never>(it.id, clock.wallTimeMs(), () => ({
      kind: 'change',
      fields: { status: 'deployed', owner: 'bob', netboot: false },
      events: [],
    }));
    await it.ask('POST', 'rescue_mode', await it.as('ann'));
    assert.equal((await it.agent('ssh-keys')).text, `${keyOf(2, 'bob')}\n`);
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    await it.ask('POST', 'exit_rescue_mode', await it.as('bob'));
    assert.equal((await it.agent('job')).text, 'job=reboot\n');
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    const { status, owner, netboot } = await it.machine();
    assert.deepEqual([status, owner, netboot], ['deployed', 'bob', false]);
  },
  true,
);

scene(
  'a machine that must leave rescue mode is switched after a minute without a report; one that reports leaves it itself',
  async (it) => {
    const deploy = { status: 'deployed', owner: 'bob' } as const;
    const { store, clock } = it.place;
    await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
    for (const signs of [false, true]) {
      await store.changeMachine<never>(it.id, clock.wallTimeMs(), () => ({
        kind: 'change',
        fields: deploy,
        events: [],
      }));
      await it.ask('POST', 'rescue_mode', await it.as('bob'));
      await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
      await it.ask('POST', 'exit_rescue_mode', await it.as('bob'));
      assert.equal((await it.machine()).powerTask, undefined);
      if (signs) await it.agent('job');
      await clock.pass(70_000);
      assert.deepEqual(
        [(await it.machine()).status, (await it.machine()).powerTask],
        ['exiting-rescue-mode', signs ? undefined : 'cycle'],
      );
      await clock.pass(310_000);
      assert.equal((await it.machine()).status, 'failed-exiting-rescue-mode');
      await assertStatus(it.ask('POST', 'exit_rescue_mode', await it.as('bob')), 200);
      assert.equal((await it.machine()).powerTask, 'cycle');
    }
  },
  true,
);

scene(
  'a rescue that is aborted while it begins is ended by the machine, which may still report its login',
  async (it) => {
    await it.ask('POST', 'accept', await it.as('ann'), { skip_commissioning: 'true' });
    await it.ask('POST', 'rescue_mode', await it.as('ann'));
    await it.tell({ status: 'WORKING', stage: 'started', message: '' });
    await it.ask('POST', 'abort', await it.as('ann'));
    await it.tell({ status: 'OK', stage: 'login', message: '', host_key: HOST_KEY });
    assert.equal((await it.machine()).status, 'exiting-rescue-mode');
    assert.equal((await it.agent('job')).text, 'job=poweroff\n');
    await it.tell({ status: 'OK', stage: 'left', message: '' });
    assert.equal((await it.machine()).status, 'ready');
  },
);
