// The pages against the operations of the API: every form accepts and refuses what its operation accepts and refuses, from an administrator,
// from the machine's owner, and from another user.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { POWER_DRIVERS } from '../../../src/power/drivers.ts';
import { createApiKey, hashPassword } from '../../../src/region/accounts/accounts.ts';
import type { Method } from '../../../src/region/api/call/operation.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { cookieName } from '../../../src/region/page/login.ts';
import { MACHINE_ACTIONS } from '../../../src/region/page/machine-actions.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import { fieldRefusal } from '../../../src/region/records/refusal.ts';
import { NO_MARKS } from '../../../src/region/records/script-store.ts';
import { openRegion } from '../../../src/region/region.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { heldPower } from '../life/held-power.ts';
import { makeRegion, report } from '../place.ts';

const PEOPLE = ['admin', 'owner', 'other'] as const;
type PersonName = (typeof PEOPLE)[number];
type Values = Readonly<Record<string, string>>;

/** One form with the equivalent operation. `ID` stands for the machine's system id. */
interface FormCase {
  readonly page: string;
  readonly form?: Values;
  readonly method: Method;
  /** Below `/MAAS/api/2.0/`. */
  readonly path: string;
  readonly op?: string;
  readonly fields?: Values;
  /** The people who send it; default: all. */
  readonly by?: readonly PersonName[];
}

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKIo5qnEnWDfXq1U5XF3fVxYgJJVbTpOqYJxmn3BJpW a@b';
const SCRIPT = '#!/bin/sh\ntrue\n';
const MACHINE = 'machines/ID/';
const SCRIPT_FIELDS = { name: 'look', type: 'testing', description: '', timeout: '60', position: '50', script: SCRIPT };
const PASSWORD = 'long enough';
const SOURCE_FIELDS = { url: 'http://images.example/', keyring_filename: '/k.gpg' };

const power = (task: string, method: Method, op: string, form: Values = {}, fields: Values = {}): FormCase => {
  return { page: `machines/ID/power/${task}/`, form, method, path: MACHINE, op, fields };
};

export const CASES: readonly FormCase[] = [
  { page: '', method: 'POST', path: 'machines/', op: 'accept_all' },
  ...MACHINE_ACTIONS.map(({ name, operation }): FormCase => {
    const page = `machines/ID/do/${name}/`;
    const path = operation.path === 'machines' ? 'machines/' : MACHINE;
    const fields: Values = operation.path === 'machines' ? { system_id: 'ID' } : {};
    return {
      page,
      method: operation.method,
      path,
      ...(operation.op === undefined ? {} : { op: operation.op }),
      fields,
    };
  }),
  power('on', 'POST', 'power_on'),
  power('off', 'POST', 'power_off', { manner: 'off' }, { stop_mode: 'hard' }),
  power('off', 'POST', 'power_off', { manner: 'soft-off' }, { stop_mode: 'soft' }),
  power('cycle', 'POST', 'power_cycle'),
  power('query', 'GET', 'query_power_state'),
  {
    page: 'machines/ID/power/',
    form: { power_type: 'manual' },
    method: 'PUT',
    path: MACHINE,
    fields: { power_type: 'manual', power_parameters: '{}' },
  },
  {
    page: 'machines/ID/power/',
    form: { power_type: 'nothing' },
    method: 'PUT',
    path: MACHINE,
    fields: { power_type: 'nothing', power_parameters: '{}' },
  },
  {
    page: 'machines/ID/edit/',
    form: { hostname: 'renamed', description: '', kernel_params: '' },
    method: 'PUT',
    path: MACHINE,
    fields: { hostname: 'renamed' },
  },
  {
    page: 'machines/ID/edit/',
    form: { hostname: 'web', description: '', kernel_params: '', tags: 'rack' },
    method: 'POST',
    path: 'tags/rack/',
    op: 'update_nodes',
    fields: { add: 'ID' },
  },
  { page: 'machines/ID/debug-login/', method: 'POST', path: MACHINE, op: 'debug_login', form: { seconds: '900' } },
  {
    page: 'machines/ID/debug-login/',
    method: 'POST',
    path: MACHINE,
    op: 'debug_login',
    form: { do: 'close' },
    fields: { off: 'true' },
  },
  { page: 'tags/', form: { name: 'fast' }, method: 'POST', path: 'tags/', fields: { name: 'fast' } },
  {
    page: 'tags/rack/',
    form: { name: 'rack', comment: 'x' },
    method: 'PUT',
    path: 'tags/rack/',
    fields: { comment: 'x' },
  },
  { page: 'tags/rack/', form: { do: 'remove' }, method: 'DELETE', path: 'tags/rack/' },
  ...['import', 'stop'].map((order): FormCase => {
    const op = order === 'stop' ? 'stop_import' : order;
    return { page: 'images/', form: { do: order }, method: 'POST', path: 'boot-resources/', op };
  }),
  ...['pause', 'resume', 'cancel'].map((op): FormCase => {
    return { page: 'images/', form: { do: op, id: '1' }, method: 'POST', path: 'boot-resources/1/', op };
  }),
  ...['pause', 'resume', 'cancel'].map((op): FormCase => {
    return { page: 'images/1/', form: { do: op }, method: 'POST', path: 'boot-resources/1/', op };
  }),
  { page: 'images/1/', method: 'DELETE', path: 'boot-resources/1/' },
  { page: 'images/sources/', form: SOURCE_FIELDS, method: 'POST', path: 'boot-sources/', fields: SOURCE_FIELDS },
  {
    page: 'images/sources/1/',
    form: { do: 'change', ...SOURCE_FIELDS },
    method: 'PUT',
    path: 'boot-sources/1/',
    fields: SOURCE_FIELDS,
  },
  { page: 'images/sources/1/', form: { do: 'remove' }, method: 'DELETE', path: 'boot-sources/1/' },
  {
    page: 'images/sources/1/',
    form: { do: 'select', os: 'ubuntu', release: 'jammy' },
    method: 'POST',
    path: 'boot-sources/1/selections/',
    fields: { os: 'ubuntu', release: 'jammy' },
  },
  {
    page: 'images/sources/1/',
    form: { do: 'unselect', id: '1' },
    method: 'DELETE',
    path: 'boot-sources/1/selections/1/',
  },
  { page: 'scripts/', form: SCRIPT_FIELDS, method: 'POST', path: 'scripts/', fields: SCRIPT_FIELDS },
  { page: 'scripts/seen/', form: SCRIPT_FIELDS, method: 'PUT', path: 'scripts/seen/', fields: SCRIPT_FIELDS },
  { page: 'scripts/seen/', form: { do: 'remove' }, method: 'DELETE', path: 'scripts/seen/' },
  {
    page: 'settings/',
    form: { setting: 'kernel_opts', 'value-kernel_opts': 'quiet' },
    method: 'POST',
    path: 'maas/',
    op: 'set_config',
    fields: { name: 'kernel_opts', value: 'quiet' },
  },
  {
    page: 'account/',
    form: { do: 'add-key', key: KEY },
    method: 'POST',
    path: 'account/prefs/sshkeys/',
    fields: { key: KEY },
  },
  { page: 'account/', form: { do: 'remove-key', id: '9' }, method: 'DELETE', path: 'account/prefs/sshkeys/9/' },
  {
    page: 'account/',
    form: { do: 'make-api-key', purpose: 'juju', 'key-password': PASSWORD },
    method: 'POST',
    path: 'account/',
    op: 'create_authorisation_token',
    fields: { name: 'juju' },
  },
  {
    page: 'account/',
    form: { do: 'remove-api-key', token: 'absent' },
    method: 'POST',
    path: 'account/',
    op: 'delete_authorisation_token',
    fields: { token_key: 'absent' },
  },
  ...PEOPLE.flatMap((person): readonly FormCase[] => [
    {
      page: 'account/',
      form: { do: 'password', present: PASSWORD, new: PASSWORD, again: PASSWORD },
      method: 'POST',
      path: `users/${person}/`,
      op: 'change_password',
      fields: { password: PASSWORD },
      by: [person],
    },
    {
      page: 'account/',
      form: { do: 'password', present: PASSWORD, new: 'short', again: 'short' },
      method: 'POST',
      path: `users/${person}/`,
      op: 'change_password',
      fields: { password: 'short' },
      by: [person],
    },
    { page: 'people/', form: { do: 'remove', username: person }, method: 'DELETE', path: `users/${person}/` },
    {
      page: 'people/',
      form: { do: 'make-user', username: person },
      method: 'PUT',
      path: `users/${person}/`,
      fields: { is_superuser: 'false' },
    },
  ]),
  {
    page: 'people/',
    form: { do: 'make-admin', username: 'other' },
    method: 'PUT',
    path: 'users/other/',
    fields: { is_superuser: 'true' },
  },
  { page: 'people/', form: { do: 'remove', username: 'nobody' }, method: 'DELETE', path: 'users/nobody/' },
  ...['new-one', 'other', 'a b'].map((username): FormCase => {
    const form = { do: 'add', username, email: '', new: PASSWORD, again: PASSWORD };
    const fields = { username, email: '', password: PASSWORD };
    return { page: 'people/', form, method: 'POST', path: 'users/', fields };
  }),
];

/** Machines on which different actions are allowed. */
export const MACHINES: readonly {
  readonly name: string;
  readonly status: MachineStatus;
  readonly owner?: string;
  readonly isLocked?: boolean;
  readonly byHand?: boolean;
  readonly isBusy?: boolean;
  /** Restricts the comparison to pages with this text in their path; default: all. */
  readonly only?: string;
  /** Compared in the long suite alone. */
  readonly isRare?: boolean;
}[] = [
  { name: 'a New one', status: 'new' },
  { name: 'a Ready one', status: 'ready', isRare: true },
  { name: "the owner's", status: 'deployed', owner: 'owner' },
  { name: "the owner's, locked", status: 'deployed', owner: 'owner', isLocked: true, isRare: true },
  { name: "the owner's, switched by hand", status: 'allocated', owner: 'owner', byHand: true, only: 'power/' },
  { name: "the owner's, being switched", status: 'allocated', owner: 'owner', isBusy: true, only: 'power/' },
];

const passwordHash = await hashPassword(PASSWORD, new VirtualClock());

/** A region with these people and this machine, with a request by page and one by API. */
async function open(machine: (typeof MACHINES)[number]) {
  const place = await makeRegion();
  place.region.close();
  const { store, clock, config } = place;
  const held = {
    ...heldPower(() => machine.byHand !== true),
    drivers: POWER_DRIVERS,
    problemsOf: (driver: string) => (driver === 'manual' ? [] : [fieldRefusal(`there is no power driver ${driver}`)]),
  };
  const region = await openRegion({ config, store, clock, power: held, onDesiredState: () => undefined });
  const users = await Promise.all(
    PEOPLE.map(async (username) => {
      const isAdmin = username === 'admin';
      const user = await store.accounts.addUser({
        username,
        email: '',
        passwordHash,
        isAdmin,
        createdMs: clock.wallTimeMs(),
      });
      return user ?? assert.fail(username);
    }),
  );
  const event = {
    type: 'TAG',
    code: 'rack',
    params: { text: 'made' },
    atMs: clock.wallTimeMs(),
    username: '',
  } as const;
  const script = {
    ...NO_MARKS,
    name: 'seen',
    kind: 'testing',
    title: '',
    description: '',
    timeoutSeconds: 60,
    position: 50,
  } as const;
  await store.scripts.addScript({ ...script, changedMs: clock.wallTimeMs(), content: SCRIPT }, 100, event);
  const source = { url: 'http://x/', keyringFilename: '/k.gpg', keyring: new Uint8Array(), updatedMs: 1 };
  await store.boot.addSource(source, event);
  const all = { arches: ['*'], subarches: ['*'], labels: ['*'] };
  await store.boot.addSelection(1, { os: 'ubuntu', release: 'noble', ...all }, event);
  const name = 'ubuntu/noble/amd64/generic/release';
  await store.boot.noteProgress(new Map([[name, { state: 'failed', source: 'x', title: '', bytes: 0 }]]), 1);
  await store.life.addTag({ name: 'rack', comment: '', kernelParams: '' }, 100, event);
  const outcome = await region.enlist(report([0x525400000001]));
  assert.ok(outcome.kind === 'create');
  const { systemId } = outcome.machine;
  const { status, owner, isLocked, isBusy } = machine;
  await store.changeMachine<never>(systemId, clock.wallTimeMs(), () => ({
    kind: 'change',
    fields: { status, owner, isLocked: isLocked === true, ...(isBusy === true ? { powerTask: 'on' as const } : {}) },
    events: [],
  }));
  const context = makeContext(region);
  const app = buildApp(context);
  const inject = async (method: Method, url: string, headers: Values, values: Values | undefined) => {
    const type: Values = values === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const body = values === undefined ? {} : { payload: new URLSearchParams(values).toString() };
    const answer = await app.inject({
      method,
      url: url.replaceAll('ID', systemId),
      remoteAddress: '10.20.0.50',
      headers: { host: 'rack.example', accept: 'text/html', ...headers, ...type },
      ...body,
    });
    const refusal = answer.headers['x-rackboot-refusal'];
    if (refusal !== undefined) return `refused: ${String(refusal)}`;
    return answer.statusCode < 400 ? 'taken' : `status ${answer.statusCode}`;
  };
  const own = (values: Values | undefined): Values =>
    Object.fromEntries(Object.entries(values ?? {}).map(([name, text]) => [name, text.replaceAll('ID', systemId)]));
  return {
    async byPage({ page, form }: FormCase, person: PersonName) {
      const user = users.find(({ username }) => username === person) ?? assert.fail(person);
      const token = await context.sessions.open(user);
      const csrf = (await context.sessions.find(token))?.csrf ?? '';
      return inject('POST', `/MAAS/${page}`, { cookie: `${cookieName(undefined)}=${token}` }, { csrf, ...own(form) });
    },
    async byApi({ method, path, op, fields }: FormCase, person: PersonName) {
      const authorization = authorizationOf(await createApiKey(store, clock, person));
      const query = new URLSearchParams({
        ...(op === undefined ? {} : { op }),
        ...(method === 'GET' ? own(fields) : {}),
      });
      const body = method === 'POST' || method === 'PUT' ? own(fields) : undefined;
      return inject(method, `/MAAS/api/2.0/${path}?${query}`, { authorization }, body);
    },
    async close() {
      await app.close();
      region.close();
      await place.remove();
    },
  };
}

/** A region in its initial state: a refusal changes nothing, so it is replaced only after an accepted request. */
class Fresh {
  readonly #machine: (typeof MACHINES)[number];
  #place: Awaited<ReturnType<typeof open>> | undefined;

  constructor(machine: (typeof MACHINES)[number]) {
    this.#machine = machine;
  }

  async use(ask: (place: Awaited<ReturnType<typeof open>>) => Promise<string>): Promise<string> {
    this.#place ??= await open(this.#machine);
    const answer = await ask(this.#place);
    if (!answer.startsWith('refused')) await this.close();
    return answer;
  }

  async close(): Promise<void> {
    await this.#place?.close();
    this.#place = undefined;
  }
}

/** With one of the machines, each form answers each person as its operation does. */
export function compareRights(machine: (typeof MACHINES)[number]): void {
  // Forms that are not about a machine are compared only once.
  const cases = CASES.filter(({ page }) => machine === MACHINES[0] || page.includes(machine.only ?? 'ID'));
  describe(`with ${machine.name}`, () => {
    for (const one of cases) {
      const { page, form, op, by = PEOPLE } = one;
      const name = `${page} ${JSON.stringify(form ?? {})}`.slice(0, 100);
      test(`${name} answers each person as ${one.method} ${one.path} ${op ?? ''} does`, async () => {
        const found: Record<string, readonly string[]> = {};
        const place = new Fresh(machine);
        for (const person of by) {
          const byPage = await place.use((way) => way.byPage(one, person));
          const byApi = await place.use((way) => way.byApi(one, person));
          found[person] = [byPage, byApi];
        }
        await place.close();
        for (const [person, [byPage, byApi]] of Object.entries(found)) assert.equal(byPage, byApi, `for ${person}`);
      });
    }
  });
}
