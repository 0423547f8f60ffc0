// Trials of accounts, SSH keys, files, scripts and settings.

import assert from 'node:assert/strict';
import type { AskedApi } from '../../asked-api.ts';
import { RACK_UUID, rackInterface } from '../../racks/rack-place.ts';
import { both, farRack, type Given, machine, type Sight, sshKey, type Trial } from './trial.ts';

const hasPassword = async ({ site, sent }: Sight) => {
  const { region, store } = site.place;
  const user = await store.accounts.findUser(String(sent.username ?? 'alice'));
  const permit = await region.passwords.take('10.20.0.9');
  assert.ok(typeof permit === 'object' && user !== undefined);
  assert.equal(await region.passwords.check('10.20.0.9', permit, String(sent.password), user.passwordHash), true);
};

const USERS: readonly Trial[] = [
  ...both('POST users', {
    send: { username: 'carol', email: 'carol@example.org', password: 'long enough', is_superuser: 'true' },
    reads: { password: hasPassword },
  }),
  ...both('PUT users/{username}', {
    given: async () => ({ path: { username: 'alice' } }),
    send: { is_superuser: 'true', email: 'new@example.org' },
  }),
  ...both('POST users/{username} change_password', {
    given: async () => ({ path: { username: 'alice' } }),
    send: { password: 'longer than before' },
    reads: { password: hasPassword },
  }),
  ...both('DELETE users/{username}', {
    given: async (site) => ({ path: { username: 'alice' }, kept: await machine(site, 'deployed', { owner: 'alice' }) }),
    send: { transfer_resources_to: 'bob' },
    reads: {
      transfer_resources_to: async ({ site, given }) =>
        assert.equal((await site.ask('GET', `2.0/machines/${given.kept}/`)).json.owner, 'bob'),
    },
  }),
];

const token = async ({ ask }: AskedApi): Promise<Given> => {
  const made = (await ask('POST', '2.0/account/?op=create_authorisation_token', { name: 'old' })).json;
  return { kept: made.token_key };
};
const tokens = async ({ site }: Sight) =>
  JSON.stringify((await site.ask('GET', '2.0/account/?op=list_authorisation_tokens')).json);
const isRenamed = async (sight: Sight) => {
  assert.match(await tokens(sight), new RegExp(`"new","token":"[^"]*:${sight.given.kept}:`));
};

const KEYS: readonly Trial[] = [
  ...both('POST account create_authorisation_token', { send: { name: 'juju' } }),
  ...both('POST account delete_authorisation_token', {
    given: token,
    send: ({ kept = '' }) => ({ token_key: kept }),
    reads: { token_key: async (sight) => assert.ok(!(await tokens(sight)).includes(sight.given.kept ?? '?')) },
  }),
  ...both('POST account update_token_name', {
    given: token,
    send: ({ kept = '' }) => ({ token: kept, name: 'new' }),
    reads: { token: isRenamed, name: isRenamed },
  }),
];

const SSH = 'account/prefs/sshkeys';
const ofAlice = async ({ site, sent }: Sight) => {
  const keys = (await site.ask('GET', `2.0/${SSH}/`, undefined, 'alice')).json;
  assert.ok(keys.length === 1, `${sent.username}: ${JSON.stringify(keys)}`);
};
const sshGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const made = (await ask('POST', `2.0/${SSH}/`, { key: sshKey(1), username: 'alice' })).json;
  return { path: { id: made.id } };
};

const SSH_KEYS: readonly Trial[] = [
  ...[`2.0 POST ${SSH}`, `1.0 POST ${SSH} new`].map(
    (of): Trial => ({ of, send: { key: sshKey(1), username: 'alice' }, reads: { username: ofAlice } }),
  ),
  ...both(`POST ${SSH} import`, {
    send: { keysource: 'lp:ann', username: 'alice' },
    reads: { keysource: '0.keysource', username: ofAlice },
  }),
  ...[`2.0 GET ${SSH}`, `1.0 GET ${SSH} list`].map(
    (of): Trial => ({
      of,
      given: sshGiven,
      send: { username: 'alice' },
      reads: { username: ({ answer }) => assert.equal(answer.json.length, 1) },
    }),
  ),
  ...both(`GET ${SSH}/{id}`, {
    given: sshGiven,
    send: { username: 'alice' },
    reads: { username: { at: 'key', is: sshKey(1) } },
  }),
  ...both(`DELETE ${SSH}/{id}`, {
    given: sshGiven,
    send: { username: 'alice' },
    reads: {
      username: async ({ site }) =>
        assert.deepEqual((await site.ask('GET', `2.0/${SSH}/`, undefined, 'alice')).json, []),
    },
  }),
];

const fileGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const { key } = (await ask('POST', '2.0/files/', { filename: 'state', file: 'the content' })).json;
  await ask('POST', '2.0/files/', { filename: 'other', file: 'x' });
  return { kept: key };
};
const isContent = ({ answer }: Sight) => assert.equal(answer.text, 'the content');

const FILES: readonly Trial[] = [
  ...['2.0 POST files', '1.0 POST files add'].map(
    (of): Trial => ({
      of,
      send: { filename: 'state', file: 'the content' },
      reads: {
        file: async ({ site }) =>
          assert.equal((await site.ask('GET', '2.0/files/?op=get', { filename: 'state' })).text, 'the content'),
      },
    }),
  ),
  ...['2.0 GET files', '1.0 GET files list'].map(
    (of): Trial => ({
      of,
      given: fileGiven,
      send: { prefix: 'st' },
      reads: {
        prefix: ({ answer }) =>
          assert.equal(answer.json.map((one: { filename: string }) => one.filename).join(), 'state'),
      },
    }),
  ),
  ...both('GET files get', { given: fileGiven, send: { filename: 'state' }, reads: { filename: isContent } }),
  ...both('GET files get_by_key', {
    given: fileGiven,
    send: ({ kept = '' }: Given) => ({ key: kept }),
    reads: { key: isContent },
  }),
  {
    of: '2.0 DELETE files',
    given: fileGiven,
    send: { filename: 'state' },
    reads: { filename: async ({ site }) => assert.equal((await site.ask('GET', '2.0/files/')).json.length, 1) },
  },
];

const TEXT = '#!/bin/sh\necho fans\n';
const SCRIPT = {
  name: 'fan',
  script: TEXT,
  type: 'testing',
  title: 'Fans',
  description: 'Looks at the fans',
  timeout: '90',
  position: '70',
};
const MARKS = { tags: 'hot,slow', hardware_type: 'memory', parallel: 'instance', destructive: 'true' };
const isMarked = async ({ site }: Sight) => {
  const [script] = (await site.ask('GET', '2.0/scripts/?filters=hot')).json;
  const { name, tags, hardware_type, hardware_type_name, parallel, parallel_name, destructive } = script;
  assert.deepEqual([name, tags, destructive], ['fan', ['hot', 'slow'], true]);
  assert.deepEqual([hardware_type, hardware_type_name, parallel, parallel_name], [2, 'Memory', 1, 'Instance']);
};
const MARKS_READ = Object.fromEntries(Object.keys(MARKS).map((name) => [name, isMarked]));
const isText = async ({ site }: Sight) =>
  assert.equal((await site.ask('GET', '2.0/scripts/fan/?op=download')).text, TEXT);
const SCRIPT_READS = {
  script: isText,
  type: { at: 'type_name', is: 'Testing script' },
  timeout: 'timeout_seconds',
} as const;
/** Empty and false, because nothing else is supported; the refusals of other values are tested in `scripts-api.test.ts`. */
const ONLY = {
  recommission: 'false',
  for_hardware: '',
  apply_configured_networking: 'false',
  comment: '',
  may_reboot: 'false',
};
const UNSUPPORTED = { packages: '', ...ONLY };
const hasNone = async ({ site }: Sight) => {
  const [script] = (await site.ask('GET', '2.0/scripts/?filters=fan')).json;
  const { for_hardware, packages, history } = script;
  assert.deepEqual([for_hardware, packages, history[0].comment], [[], {}, '']);
  for (const name of ['recommission', 'apply_configured_networking', 'may_reboot'])
    assert.equal(script[name], false, name);
};
const UNSUPPORTED_READS = Object.fromEntries(Object.keys(UNSUPPORTED).map((name) => [name, hasNone]));
const lasts = async ({ site }: Sight) =>
  assert.equal((await site.ask('GET', '2.0/scripts/?filters=fan')).json[0].timeout_seconds, 90);
const OLD_SCRIPT = { content: TEXT, timeout: '90', ...MARKS, ...UNSUPPORTED };
const OLD_READS = { content: isText, timeout: lasts, ...MARKS_READ, ...UNSUPPORTED_READS };
const scriptGiven = async ({ ask }: AskedApi): Promise<Given> => {
  const text = '#!/bin/sh\ntrue\n';
  await ask('POST', '2.0/scripts/', { name: 'old', script: text, type: 'testing', tags: 'aged', hardware_type: 'gpu' });
  await ask('POST', '2.0/scripts/', { name: 'other', script: '#!/bin/sh\nfalse\n' });
  return { path: { name: 'old' } };
};
/** A commissioning script. */
const otherScript = async (site: AskedApi): Promise<Given> => {
  await scriptGiven(site);
  return { path: { name: 'other' } };
};
const names = ({ answer }: Sight) =>
  assert.deepEqual(
    answer.json.map((one: { readonly name: string }) => one.name),
    ['old'],
  );

const SCRIPTS: readonly Trial[] = [
  {
    of: '2.0 POST scripts',
    send: { ...SCRIPT, ...MARKS, ...UNSUPPORTED },
    reads: { ...SCRIPT_READS, ...MARKS_READ, ...UNSUPPORTED_READS },
  },
  {
    of: '2.0 PUT scripts/{name}',
    given: otherScript,
    send: { ...SCRIPT, ...MARKS, ...UNSUPPORTED },
    reads: { ...SCRIPT_READS, ...MARKS_READ, ...UNSUPPORTED_READS },
  },
  { of: '2.0 GET scripts', given: scriptGiven, send: { type: 'testing' }, reads: { type: names } },
  { of: '2.0 GET scripts', given: scriptGiven, send: { filters: 'aged' }, reads: { filters: names } },
  { of: '2.0 GET scripts', given: scriptGiven, send: { hardware_type: 'gpu' }, reads: { hardware_type: names } },
  ...(['add_tag', 'remove_tag'] as const).map(
    (op): Trial => ({
      of: `2.0 POST scripts/{name} ${op}`,
      given: scriptGiven,
      send: { tag: op === 'add_tag' ? 'hot' : 'aged' },
      reads: { tag: ({ answer }) => assert.deepEqual(answer.json.tags, op === 'add_tag' ? ['aged', 'hot'] : []) },
    }),
  ),
  ...['2.0 GET scripts', '2.0 GET scripts/{name}'].map(
    (of): Trial => ({
      of,
      given: scriptGiven,
      send: { include_script: 'true' },
      reads: { include_script: ({ answer }) => assert.match(answer.text, /"data":"IyEv/) },
    }),
  ),
  ...both('POST commissioning-scripts', { send: { name: 'fan', ...OLD_SCRIPT }, reads: OLD_READS }),
  ...both('PUT commissioning-scripts/{name}', {
    given: async ({ ask }) => {
      await ask('POST', '2.0/scripts/', { name: 'fan', script: '#!/bin/sh\ntrue\n' });
      return { path: { name: 'fan' } };
    },
    send: OLD_SCRIPT,
    reads: OLD_READS,
  }),
];

const isSet = async ({ site }: Sight) =>
  assert.deepEqual((await site.ask('GET', '2.0/maas/?op=get_config&name=upstream_dns')).json, '192.0.2.9');
const settingGiven = async ({ ask }: AskedApi): Promise<Given> => {
  await ask('POST', '2.0/settings/?op=set', { key: 'dns.upstream', value: '["192.0.2.9"]' });
  return {};
};
const far: object = rackInterface();
const FAR = Object.fromEntries(Object.entries(far).filter(([, value]) => value !== ''));
const RACK_KEY = { key: 'cluster_interfaces.far.router_ip', rack: 'rack-2' };
const rackGiven = async (site: AskedApi): Promise<Given> => {
  await farRack(site);
  await site.place.region.settings.change(RACK_UUID, [{ key: 'cluster_interfaces.far', value: FAR }], 'admin');
  return {};
};
const routerIs =
  (router: string | undefined) =>
  ({ site }: Sight) => {
    const far = site.place.region.settings.interfacesOf(RACK_UUID).find(({ name }) => name === 'far');
    assert.equal(far?.router_ip, router);
  };

const SETTINGS: readonly Trial[] = [
  ...both('GET maas get_config', {
    given: settingGiven,
    send: { name: 'upstream_dns' },
    reads: { name: ({ answer }) => assert.equal(answer.json, '192.0.2.9') },
  }),
  ...both('POST maas set_config', {
    send: { name: 'upstream_dns', value: '192.0.2.9' },
    reads: { name: isSet, value: isSet },
  }),
  {
    of: '2.0 POST settings set',
    given: rackGiven,
    send: { ...RACK_KEY, value: '"10.50.0.253"' },
    reads: { value: { at: 'value', is: '10.50.0.253' }, rack: routerIs('10.50.0.253') },
  },
  {
    of: '2.0 POST settings change',
    given: rackGiven,
    send: { changes: JSON.stringify([{ key: RACK_KEY.key, value: '10.50.0.253' }]), rack: RACK_KEY.rack },
    reads: { changes: routerIs('10.50.0.253'), rack: routerIs('10.50.0.253') },
  },
  { of: '2.0 POST settings unset', given: rackGiven, send: RACK_KEY, reads: { rack: routerIs(undefined) } },
];

export const PEOPLE_TRIALS: readonly Trial[] = [...USERS, ...KEYS, ...SSH_KEYS, ...FILES, ...SCRIPTS, ...SETTINGS];
