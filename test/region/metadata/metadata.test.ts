// The metadata service over the API: a machine's documents and reports, by its key and by its boot, and the refusals for others.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { preseedSecret } from '../../../src/boot/preseed-secret.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { MACHINE_RATE } from '../../../src/region/http/metadata-routes.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { keyOfMachine } from '../../../src/region/metadata/machine-keys.ts';
import { DEFAULT_MIRRORS } from '../../../src/region/preseed/request.ts';
import type { MachineCredentials } from '../../../src/region/records/life-store.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { DeployWay } from '../../../src/region/records/work.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { reasonOf, sentenceOf } from '../../support/sentences.ts';
import { CONTROL_SECRET, makeRegion, type RegionPlace, report, SECRET } from '../place.ts';
import { acceptRack, RACK_KEY_SECRET, RACK_TOKEN, rackAuthorization } from '../racks/rack-place.ts';

const A = 0x525400000001;
const B = 0x525400000002;
const ORIGIN = '10.20.0.1:5248';
const HERE = '10.20.0.50';
const THERE = '10.20.0.51';
const FOREIGN = '192.0.2.9';
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')} ada`;
const IMAGE = { os: 'debian', release: 'trixie', path: '/i', sha256: 'a'.repeat(64), bytes: 1, format: 'raw' };
const BY = { username: 'admin', isAdmin: true, comment: '' };
const METADATA = '/MAAS/metadata';
const USER_DATA = Buffer.from('#cloud-config\nruncmd: [touch /ran]\n');

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly refusal: unknown;
}
interface Asking {
  readonly from?: string;
  readonly key?: MachineCredentials | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: { readonly type: string; readonly text: string };
}

const headerOf = ({ consumerKey, tokenKey, tokenSecret }: MachineCredentials): string =>
  authorizationOf(`${consumerKey}:${tokenKey}:${tokenSecret}`);

/** A region with machines at work, and those who ask it. */
class Service {
  readonly place: RegionPlace;
  readonly region: Region;
  readonly #app;

  constructor(place: RegionPlace, region: Region) {
    this.place = place;
    this.region = region;
    this.#app = buildApp(makeContext(region));
  }

  async ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, asking: Asking = {}): Promise<Answered> {
    const { from = HERE, key, headers, form, json, body } = asking;
    const sent =
      form !== undefined
        ? { type: 'application/x-www-form-urlencoded', text: new URLSearchParams(form).toString() }
        : json !== undefined
          ? { type: 'application/json', text: JSON.stringify(json) }
          : body;
    const answer = await this.#app.inject({
      method,
      url: path,
      remoteAddress: from,
      headers: {
        host: ORIGIN,
        ...(sent === undefined ? {} : { 'content-type': sent.type }),
        ...(key === undefined ? {} : { authorization: headerOf(key) }),
        ...headers,
      },
      ...(sent === undefined ? {} : { payload: sent.text }),
    });
    return { status: answer.statusCode, text: answer.body, refusal: answer.headers['x-rackboot-refusal'] };
  }

  get(path: string, asking: Asking = {}): Promise<Answered> {
    return this.ask('GET', `${METADATA}/${path}`, asking);
  }

  post(path: string, asking: Asking = {}): Promise<Answered> {
    return this.ask('POST', `${METADATA}/${path}`, asking);
  }

  /** Its disk is written. */
  written(id: string, key: MachineCredentials): Promise<Answered> {
    return this.post(`latest/by-id/${id}/`, { key, form: { op: 'netboot_off' } });
  }

  async status(systemId: string): Promise<Machine['status']> {
    return (await this.machine(systemId)).status;
  }

  async machine(systemId: string): Promise<Machine> {
    return (await this.region.store.findMachine(systemId)) ?? assert.fail(`no machine ${systemId}`);
  }

  /** A Ready machine, seen at an address. */
  async ready(mac: number, address: string): Promise<string> {
    const outcome = await this.region.enlist(report([mac]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await this.give(systemId, { name: 'accept', skipsCommissioning: true });
    const hardware = Array.from(mac.toString(16).padStart(12, '0').matchAll(/../g), ([pair]) => pair).join(':');
    const { clock } = this.place;
    const seen = { kind: 'dhcp.ack', at: clock.wallTimeMs(), mac: hardware, address, text: 'ack' };
    await this.region.observe([{ ...seen, sequence: 1 }], `rack of ${mac}`);
    assert.ok((await this.machine(systemId)).interfaces[0]?.address !== undefined, 'it was seen');
    return systemId;
  }

  async give(systemId: string, command: Parameters<Region['life']['command']>[1]): Promise<void> {
    const outcome = await this.region.life.command(systemId, command, BY);
    assert.equal(outcome.kind, 'changed', JSON.stringify(outcome));
  }

  /** A machine that is being deployed. */
  async deploying(
    mac: number,
    address: string,
    deployBy: DeployWay = 'installer',
    osystem = 'debian',
  ): Promise<{ readonly id: string; readonly key: MachineCredentials }> {
    const id = await this.ready(mac, address);
    const deployment = { osystem, release: 'trixie', deployBy, disk: 'vda', userData: USER_DATA };
    await this.give(id, { name: 'deploy', deployment });
    return { id, key: await this.key(id) };
  }

  /** A machine that is being commissioned at the other address. */
  async commissioning(): Promise<{ readonly id: string; readonly key: MachineCredentials }> {
    const id = await this.ready(B, THERE);
    await this.give(id, { name: 'commission' });
    return { id, key: await this.key(id) };
  }

  async key(systemId: string): Promise<MachineCredentials> {
    return (await keyOfMachine(this.region.store, this.place.clock, systemId)) ?? assert.fail('no key');
  }

  async token(systemId: string): Promise<string> {
    return (await this.machine(systemId)).bootToken ?? assert.fail('no token');
  }

  /** Where the installer of a machine asks. */
  async preseedPath(systemId: string, op = 'get_preseed'): Promise<string> {
    return `latest/by-id/${systemId}/?boot=${preseedSecret(await this.token(systemId))}&op=${op}`;
  }

  /** The texts of its log, the newest first. */
  async log(systemId: string): Promise<string> {
    const events = await this.region.store.listEvents({ machines: { systemIds: [systemId] }, limit: 100 });
    return events.map((event) => `${event.type} ${event.level} ${sentenceOf(event)}`).join('\n');
  }
}

type Work = (service: Service) => Promise<void>;

const check = (name: string, work: Work, { httpProxy = '' } = {}) => test(name, () => withService(work, httpProxy));

async function withService(work: Work, httpProxy: string): Promise<void> {
  const place = await makeRegion();
  place.region.close();
  const { store, clock, stateDir } = place;
  const preseeds = { directory: join(stateDir, 'preseeds'), mirrors: DEFAULT_MIRRORS };
  mkdirSync(preseeds.directory);
  const listen = [{ host: '10.20.0.1', port: 5248 }];
  const config = { ...place.config, listen, install: { preseeds, httpProxy, kernelParams: 'console=ttyS0' } };
  const findImage = () => IMAGE;
  const hasInstaller = ({ release }: { readonly release: string }) => release !== 'sid';
  const region = await openRegion({ config, store, clock, findImage, hasInstaller, onDesiredState: () => undefined });
  try {
    await store.accounts.addUser({ username: 'admin', email: '', passwordHash: '', isAdmin: true, createdMs: 0 });
    const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 0, username: 'admin' } as const;
    await store.life.addSshKey({ username: 'admin', key: KEY, createdMs: 0 }, 10, event);
    await work(new Service(place, region));
  } finally {
    region.close();
    await place.remove();
  }
}

const step = (name: string, event_type: string, result?: string) => ({
  event_type,
  name,
  description: `${name} of cloud-init`,
  origin: 'cloudinit',
  timestamp: 1,
  ...(result === undefined ? {} : { result }),
});
const UP = step('modules-final', 'finish', 'SUCCESS');
const FAILED = step('modules-final', 'finish', 'FAIL');

check('a machine reads its own documents with its key, whatever slashes are in the path', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const { hostname } = await service.machine(id);
  for (const [path, expected] of [
    ['', 'latest\n2012-03-01'],
    ['latest/', 'meta-data/\nuser-data'],
    ['2012-03-01/meta-data/', 'instance-id\nlocal-hostname\npublic-keys\nvendor-data'],
    ['2012-03-01/meta-data/instance-id', id],
    ['/2012-03-01//meta-data///local-hostname', `${hostname}.maas`],
    ['latest/meta-data/public-keys', KEY],
    ['latest/user-data', USER_DATA.toString()],
    ['curtin/latest/meta-data/local-hostname/', `${hostname}.maas`],
  ] as const) {
    const answer = await service.get(path, { key });
    assert.deepEqual([answer.status, answer.text], [200, expected], path);
  }
  const vendor = parse((await service.get('2012-03-01/meta-data/vendor-data', { key })).text);
  const document = parse(String(vendor['cloud-init']));
  assert.deepEqual([document.hostname, document.ssh_authorized_keys], [hostname, [KEY]]);
  const curtin = await service.get('curtin/2012-03-01/user-data', { key });
  assert.match(curtin.text, /^#cloud-config\nlate_commands:/);
  for (const path of ['1.0/meta-data/instance-id', 'latest/meta-data/x509', 'latest/maas-scripts', 'latest/x/y/z']) {
    assert.equal((await service.get(path, { key })).status, 404, path);
  }
});

check('no other caller reads them: identity, address and time decide', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const other = await service.deploying(B, THERE);
  const admin = (await createApiKey(service.region.store, service.place.clock, 'admin')).split(':');
  const [consumerKey = '', tokenKey = '', tokenSecret = ''] = admin;
  const callers: readonly (readonly [string, Asking, number])[] = [
    ['a stranger', {}, 401],
    ['a stranger from elsewhere', { from: FOREIGN }, 401],
    ['another secret', { key: { ...key, tokenSecret: other.key.tokenSecret } }, 401],
    ['another consumer', { key: { ...key, consumerKey: other.key.consumerKey } }, 401],
    ['half a key', { key: { ...key, tokenSecret: key.tokenSecret.slice(1) } }, 401],
    ['a token that is nobody’s', { key: { ...key, tokenKey: 'x' } }, 401],
    ['an administrator', { key: { consumerKey, tokenKey, tokenSecret } }, 403],
    ['the token of a boot instead of a key', { headers: { 'x-rackboot-token': await service.token(id) } }, 401],
  ];
  for (const [who, asking, status] of callers) {
    await service.place.clock.pass(60_000);
    for (const path of ['latest/meta-data/instance-id', 'latest/user-data', 'latest/meta-data/vendor-data', '']) {
      const answer = await service.get(path, asking);
      assert.equal(answer.status, status, `${who}: ${path}`);
      assert.ok(!answer.text.includes(id), who);
    }
    const posted = await service.post(`status/${id}`, { ...asking, json: {} });
    assert.equal(posted.status, status, who);
  }
  // With its own key each sees itself, and only itself.
  assert.equal((await service.get('latest/meta-data/instance-id', { key: other.key })).text, other.id);
  const foreign = await service.post(`status/${id}`, { key: other.key, json: UP });
  assert.deepEqual([foreign.status, foreign.refusal], [403, 'not-allowed']);
  for (const op of ['netboot_off', 'netboot_on']) {
    const answer = await service.post(`latest/by-id/${id}/`, { key: other.key, form: { op } });
    assert.deepEqual([answer.status, answer.refusal], [403, 'not-this-boot']);
  }
  assert.equal((await service.machine(id)).netboot, true);
  // After its release the key belongs to no machine.
  await service.give(id, { name: 'release' });
  assert.equal((await service.get('latest/meta-data/instance-id', { key })).status, 401);
  await service.give(id, {
    name: 'deploy',
    deployment: { osystem: 'debian', release: 'trixie', deployBy: 'installer' },
  });
  assert.equal((await service.get('latest/meta-data/instance-id', { key })).status, 401);
  assert.notEqual((await service.key(id)).tokenSecret, key.tokenSecret);
  // And of one that was deleted.
  assert.equal(await service.region.removeMachine(other.id, 'admin', 'none'), 'removed');
  assert.equal((await service.get('latest/meta-data/instance-id', { key: other.key })).status, 401);
});

check('a machine’s key allows no API operation except reading itself', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const other = await service.deploying(B, THERE);
  const own = await service.ask('GET', `/MAAS/api/2.0/machines/${id}/`, { key });
  assert.equal(JSON.parse(own.text).system_id, id);
  assert.ok(!own.text.includes(key.tokenSecret) && !own.text.includes(await service.token(id)));
  for (const [method, path, status] of [
    ['GET', `2.0/machines/${other.id}/`, 404],
    ['GET', '2.0/machines/', 403],
    ['POST', '2.0/machines/', 403],
    ['GET', '2.0/machines/?op=is_registered&mac_address=52:54:00:00:00:02', 403],
    ['POST', '1.0/nodes/?op=new', 403],
    ['POST', `2.0/machines/${id}/?op=release`, 403],
    ['POST', `2.0/machines/${id}/?op=deploy`, 403],
    ['PUT', `2.0/machines/${id}/`, 403],
    ['DELETE', `2.0/machines/${id}/`, 403],
    ['GET', `2.0/machines/${id}/?op=power_parameters`, 403],
    ['GET', '2.0/events/?op=query', 403],
    ['GET', '2.0/account/prefs/sshkeys/', 403],
    ['GET', '2.0/users/?op=whoami', 403],
    ['GET', '2.0/tags/', 403],
  ] as const) {
    const answer = await service.ask(method, `/MAAS/api/${path}`, {
      key,
      ...(method === 'POST' ? { form: {} } : {}),
    });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  }
});

check(
  'an installer gets its preseed with the secret in the URL, at its machine’s address, while it installs',
  async (service) => {
    const { id, key } = await service.deploying(A, HERE);
    const other = await service.deploying(B, THERE);
    const path = await service.preseedPath(id);
    const preseed = await service.get(path);
    assert.equal(preseed.status, 200, preseed.text);
    const { hostname } = await service.machine(id);
    for (const line of [
      `d-i netcfg/hostname string ${hostname}`,
      'd-i partman-auto/disk string /dev/vda',
      'd-i debian-installer/add-kernel-opts string console=ttyS0',
      'd-i mirror/http/hostname string ftp.debian.org',
      'd-i mirror/http/proxy string ',
      `cloud-init cloud-init/maas-metadata-url string http://${ORIGIN}/MAAS/metadata/`,
    ])
      assert.ok(`${preseed.text}`.includes(`${line}\n`), line);
    assert.ok(preseed.text.includes(key.tokenSecret) && preseed.text.includes(KEY));
    const secret = preseedSecret(await service.token(id));
    const refused: readonly (readonly [string, string, Asking])[] = [
      ['from elsewhere', path, { from: FOREIGN }],
      ['from the address of another machine', path, { from: THERE }],
      ['the secret of another machine', path.replace(secret, preseedSecret(await service.token(other.id))), {}],
      ['another machine’s answers with the own secret', path.replace(id, other.id), {}],
      ['no secret', path.replace(`boot=${secret}&`, ''), {}],
      ['the token in its place', path.replace(secret, await service.token(id)), {}],
      ['no such machine', path.replace(id, 'zzzzzz'), {}],
      ['another machine’s key', `latest/by-id/${id}/?op=get_preseed`, { key: other.key, from: THERE }],
    ];
    for (const [what, at, asking] of refused) {
      const answer = await service.get(at, asking);
      assert.deepEqual([answer.status, answer.refusal], [403, 'not-this-boot'], what);
      assert.ok(!answer.text.includes(hostname), what);
    }
    // The token itself, in a header, works as always.
    const headers = { 'x-rackboot-token': await service.token(id) };
    assert.equal((await service.get(`latest/by-id/${id}/?op=get_preseed`, { headers })).status, 200);
    assert.equal((await service.get(`latest/by-id/${id}/?op=get_preseed`, { headers, from: FOREIGN })).status, 403);
    // The secret signs nothing.
    const signed = await service.post(`latest/by-id/${id}/?boot=${secret}`, {
      form: { op: 'netboot_off' },
    });
    assert.equal(signed.status, 403);
    assert.equal((await service.get('latest/user-data', { headers: { 'x-rackboot-token': secret } })).status, 401);
    // The late command, by the key that was in the answers; then there are no more answers.
    assert.equal((await service.written(id, key)).text, 'OK');
    assert.equal((await service.machine(id)).netboot, false);
    assert.equal(
      (await service.region.desiredState()).machines.find(({ systemId }) => systemId === id)?.purpose,
      'local',
    );
    assert.equal((await service.get(path)).status, 403);
    assert.match(await service.log(id), /NODE_DISK_WRITTEN/);
    for (const one of [secret, await service.token(id), key.tokenSecret])
      assert.ok(!(await service.log(id)).includes(one));
  },
);

check('a machine that is not deployed by an installer has no preseed', async (service) => {
  const { id } = await service.deploying(A, HERE, 'image');
  assert.equal((await service.get(await service.preseedPath(id))).status, 403);
  assert.equal((await service.get(await service.preseedPath(id, 'user-data'))).status, 403);
  const commissioned = await service.commissioning();
  const document = await service.get(await service.preseedPath(commissioned.id), { from: THERE });
  assert.equal(parse(document.text).datasource.MAAS.token_secret, commissioned.key.tokenSecret);
});

check(
  'a deployment by an installer finds the system by its release, and is refused without an installer',
  async (service) => {
    const id = await service.ready(A, HERE);
    const operators = buildApp(makeContext(service.region), { of: 'operators' });
    const headers = { 'x-rackboot-control': CONTROL_SECRET, 'content-type': 'application/x-www-form-urlencoded' };
    const url = `/MAAS/api/2.0/machines/${id}/?op=deploy`;
    const deploy = (fields: Readonly<Record<string, string>>) =>
      operators.inject({ method: 'POST', url, headers, payload: new URLSearchParams(fields).toString() });
    // The local administrator has no key of its own.
    const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 0, username: '' } as const;
    await service.region.store.life.addSshKey({ username: 'local-administrator', key: KEY, createdMs: 0 }, 10, event);
    for (const [fields, status, why] of [
      [{ deploy_by: 'magic', distro_series: 'trixie' }, 400, /neither image nor installer/],
      [{ deploy_by: 'installer' }, 409, /name the system to install/],
      [{ deploy_by: 'installer', distro_series: 'sid' }, 409, /no amd64\/generic\/sid\/install/],
      [{ deploy_by: 'installer', distro_series: 'jammy', user_data: 'aGVsbG8=' }, 400, /would ignore this user data/],
    ] as const) {
      const answer = await deploy(fields);
      assert.equal(answer.statusCode, status, answer.body);
      assert.match(answer.body, why);
    }
    const answer = (await deploy({ deploy_by: 'installer', distro_series: 'jammy' })).json();
    assert.deepEqual([answer.status_name, answer.osystem, answer.distro_series], ['Deploying', 'ubuntu', 'jammy']);
    const machine = (await service.region.desiredState()).machines.find(({ systemId }) => systemId === id);
    assert.deepEqual([machine?.purpose, machine?.release], ['install', 'jammy']);
  },
);

check('a fault in an installer’s preseed refuses the deployment, with file and line', async (service) => {
  const id = await service.ready(A, HERE);
  const install = async (osystem: string): Promise<string> => {
    const deployment = { osystem, release: 'trixie', deployBy: 'installer' } as const;
    const outcome = await service.region.life.command(id, { name: 'deploy', deployment }, BY);
    return outcome.kind === 'refuse' ? `${outcome.refusal.name} ${outcome.refusal.text}` : outcome.kind;
  };
  await service.region.editMachine(id, { kernelParams: 'pci=resource_alignment=20@0;21@1' }, 'admin');
  assert.match(await install('debian'), /^preseed-faulty .*\/preseed_master:\d+: .*it holds ;, which would not reach/);
  await service.region.editMachine(id, { kernelParams: 'console=ttyS0' }, 'admin');
  const template = join(service.place.stateDir, 'preseeds', 'debian');
  writeFileSync(template, '# one\n# {{hostnam}}\n');
  assert.match(await install('debian'), /^preseed-faulty .*\/preseeds\/debian:2: hostnam is not defined here/);
  assert.equal(await service.status(id), 'ready');
  rmSync(template);
  assert.equal(await install('debian'), 'changed');
});

check('a template that becomes faulty after the deployment began ends it, with file and line', async (service) => {
  const { id } = await service.deploying(A, HERE, 'installer');
  const file = join(service.place.stateDir, 'preseeds', 'debian');
  writeFileSync(file, '# one\n# {{hostname\n');
  const answer = await service.get(await service.preseedPath(id));
  const { status, statusReason } = await service.machine(id);
  assert.deepEqual([answer.status, answer.refusal, status], [409, 'preseed-faulty', 'failed-deployment']);
  const fault = statusReason?.code === 'signal' ? statusReason.params.fault : undefined;
  assert.ok(fault?.code === 'preseed-faulty');
  assert.deepEqual([fault.params.file, fault.params.line], [file, 2]);
  assert.equal(reasonOf({ statusReason }), answer.text);
});

check('Ubuntu’s installer reads its files below one URL', async (service) => {
  const { id } = await service.deploying(A, HERE, 'installer', 'ubuntu');
  const user = await service.get(await service.preseedPath(id, 'user-data'));
  assert.equal(parse(user.text).autoinstall.version, 1);
  assert.equal(parse((await service.get(await service.preseedPath(id, 'meta-data'))).text)['instance-id'], id);
  assert.deepEqual(await service.get(await service.preseedPath(id, 'vendor-data')), {
    status: 200,
    text: '',
    refusal: undefined,
  });
  assert.equal((await service.get(await service.preseedPath(id, 'network-config'))).status, 400);
});

check(
  'the image’s agent gets the location of its system’s metadata, and the key',
  async (service) => {
    const { id, key } = await service.deploying(A, HERE, 'image');
    const headers = { 'x-rackboot-token': await service.token(id) };
    const job = (await service.ask('GET', '/MAAS/rackboot/1/job', { headers })).text;
    const url = `http://${ORIGIN}/MAAS/rackboot/1/cloud-config`;
    assert.ok(job.split('\n').includes(`cloud_config_url=${url}`), job);
    assert.ok(job.split('\n').includes('proxy=http://proxy:3128/'), job);
    const { text } = await service.ask('GET', '/MAAS/rackboot/1/cloud-config', { headers });
    assert.match(text, /^datasource_list: \["MAAS"\]$/m);
    assert.match(text, /^ {2}MAAS: /m);
    const { datasource, reporting } = parse(text);
    const words = { consumer_key: key.consumerKey, token_key: key.tokenKey, token_secret: key.tokenSecret };
    assert.deepEqual(datasource, { MAAS: { ...words, metadata_url: `http://${ORIGIN}/MAAS/metadata/` } });
    const endpoint = `http://${ORIGIN}/MAAS/metadata/status/${id}`;
    assert.deepEqual(reporting, { rackboot: { type: 'webhook', endpoint, ...words } });
    for (const asking of [{}, { headers, from: FOREIGN }, { headers: { 'x-rackboot-token': 'x'.repeat(32) } }]) {
      assert.equal((await service.ask('GET', '/MAAS/rackboot/1/cloud-config', asking)).status, 403);
    }
  },
  { httpProxy: 'http://proxy:3128/' },
);

check('the installed system’s webhook reports its start, and the last stage makes it Deployed', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const tell = (json: unknown, at = 'status'): Promise<Answered> => service.post(`/${at}//${id}`, { key, json });
  // Before its disk is written nothing can be up.
  assert.equal((await tell(UP)).status, 204);
  assert.equal(await service.status(id), 'deploying');
  await service.written(id, key);
  // Nor does an environment that installs say so.
  await tell(UP, 'curtin/status');
  assert.equal(await service.status(id), 'deploying');
  await service.place.clock.pass(60_000);
  const before = (await service.machine(id)).statusDeadlineMs ?? 0;
  await tell(step('init-network', 'start'));
  assert.ok(((await service.machine(id)).statusDeadlineMs ?? 0) > before, 'it is a sign of life');
  assert.equal((await service.machine(id)).work?.stage, 'init-network');
  assert.match(
    await service.log(id),
    /NODE_STATUS_EVENT debug init-network begins/,
    'it is not a step of the installation',
  );
  await tell(step('init-network/config-ssh', 'start'));
  assert.equal((await service.machine(id)).work?.stage, 'init-network');
  await tell(UP);
  assert.equal(await service.status(id), 'deployed');
  // Later starts of it, and what fails in them, are in its log.
  await tell(FAILED);
  assert.equal(await service.status(id), 'deployed');
  assert.match(await service.log(id), /^NODE_STATUS_EVENT warning modules-final ended \(FAIL\)/);
  assert.equal((await service.get('latest/user-data', { key })).status, 200);
});

check(
  'failed user data is logged, and the system is still Deployed; its reports during a rescue do not affect that',
  async (service) => {
    const { id, key } = await service.deploying(A, HERE);
    await service.written(id, key);
    await service.post(`status/${id}`, { key, json: FAILED });
    assert.equal(await service.status(id), 'deployed');
    assert.match(await service.log(id), /NODE_STATUS_EVENT warning modules-final ended \(FAIL\)/);
    await service.give(id, { name: 'rescue' });
    await service.post(`status/${id}`, { key, json: UP });
    for (const form of [
      { op: 'signal', status: 'OK' },
      { op: 'signal', status: 'FAILED' },
      { op: 'netboot_off' },
    ] as const)
      await service.post('latest/', { key, form });
    assert.equal(await service.status(id), 'entering-rescue-mode');
    const measured = await service.commissioning();
    await service.post(`status/${measured.id}`, { key: measured.key, json: UP });
    assert.equal(await service.status(measured.id), 'commissioning');
  },
);

check('malformed reports are refused without effect', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const path = `status/${id}`;
  for (const body of [
    '',
    'x',
    '[]',
    '{}',
    '{"event_type":"finish","name":1}',
    '{"event_type":"other","name":"modules-final"}',
    `{"event_type":"finish","name":"${'x'.repeat(2000)}"}`,
    '['.repeat(100),
  ]) {
    const answer = await service.post(path, { key, body: { type: 'application/json', text: body } });
    assert.deepEqual([answer.status, answer.refusal], [400, 'bad-request'], body.slice(0, 60));
  }
  assert.equal((await service.get(path, { key })).status, 405);
  const hostile = { ...step('modules-\u0000\u001b[31mfinal', 'start'), description: 'a\nb\u202e'.repeat(400) };
  assert.equal((await service.post(path, { key, json: hostile })).status, 204);
  assert.doesNotMatch((await service.log(id)).replaceAll('\n', ' '), /[\u0000-\u001f\u202e]/);
  assert.equal(await service.status(id), 'deploying');
});

check('signals of curtin and scripts have the same effect as the agent’s', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const path = 'latest/';
  const boundary = 'AaB';
  const part = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(value).toString('base64')}\r\n`;
  const multipart = (fields: Readonly<Record<string, string>>): Asking => ({
    key,
    body: {
      type: `multipart/form-data; boundary=${boundary}`,
      text: `${Object.entries(fields)
        .map(([name, value]) => part(name, value))
        .join('')}--${boundary}--\r\n`,
    },
  });
  for (const [fields, status] of [
    [{ op: 'signal', status: 'INSTALLING' }, 200],
    [{ op: 'signal', status: 'OK' }, 200],
    [{ op: 'signal', status: 'NOTHING' }, 400],
    [{ op: 'signal' }, 400],
    [{ op: 'other' }, 400],
  ] as const)
    assert.equal((await service.post(path, multipart(fields))).status, status, JSON.stringify(fields));
  assert.deepEqual([await service.status(id), (await service.machine(id)).netboot], ['deploying', true]);
  await service.post(`${path}?op=netboot_off`, { key });
  assert.equal((await service.machine(id)).netboot, false);
  await service.post(path, { key, form: { op: 'netboot_on' } });
  assert.equal((await service.machine(id)).netboot, true);
  await service.post(path, multipart({ op: 'signal', status: 'FAILED', error: 'no space left' }));
  assert.equal(await service.status(id), 'failed-deployment');
  assert.match(reasonOf(await service.machine(id)), /no space left/);
  // A repeat is harmless.
  assert.equal((await service.post(path, multipart({ op: 'signal', status: 'OK' }))).status, 200);
  assert.equal(await service.status(id), 'failed-deployment');
  const commissioned = await service.commissioning();
  await service.post(path, { key: commissioned.key, form: { op: 'signal', status: 'OK' } });
  assert.equal(await service.status(commissioned.id), 'ready');
  assert.equal((await service.get('latest/meta-data/instance-id', { key: commissioned.key })).status, 401);
});

check('an unknown machine can read how to enlist, in a managed network only', async (service) => {
  const preseed = await service.get('latest/enlist-preseed/?op=get_enlist_preseed');
  assert.equal(parse(preseed.text).datasource.MAAS.metadata_url, `http://${ORIGIN}/MAAS/metadata/enlist`);
  assert.match((await service.get('enlist/2012-03-01/meta-data/instance-id')).text, /^\S+$/);
  assert.match((await service.get('enlist/2012-03-01/user-data')).text, /^#!\/bin\/sh\n/);
  assert.equal((await service.get('enlist/2012-03-01/meta-data/public-keys')).status, 404);
  for (const path of ['latest/enlist-preseed/?op=get_enlist_preseed', 'enlist/latest/user-data', 'enlist/latest/']) {
    const answer = await service.get(path, { from: FOREIGN });
    assert.deepEqual([answer.status, answer.refusal], [403, 'not-from-here'], path);
    assert.equal((await service.post(path, { form: {} })).status, 405, path);
  }
});

check('only a rack may forward a machine’s address', async (service) => {
  const { id } = await service.deploying(A, HERE);
  const path = await service.preseedPath(id);
  const passed = { 'x-forwarded-for': HERE };
  const byRack = { from: '127.0.0.1', headers: { ...passed, 'x-rackboot-rack': SECRET } };
  assert.equal((await service.get(path, byRack)).status, 200);
  assert.equal((await service.get(path, { from: FOREIGN, headers: passed })).status, 403);
  const wrong = { from: FOREIGN, headers: { ...passed, 'x-rackboot-rack': 'x:y' } };
  assert.equal((await service.get(path, wrong)).status, 403);
});

check('an accepted remote rack forwards addresses of its own network', async (service) => {
  const far = '10.50.0.100';
  await acceptRack(service.region);
  const { id, key } = await service.deploying(A, far);
  const path = await service.preseedPath(id);
  const passed = (key: string, address = far) => ({
    from: '192.0.2.7',
    headers: { 'x-forwarded-for': address, 'x-rackboot-rack': key },
  });
  const right = `${RACK_TOKEN}:${RACK_KEY_SECRET}`;
  assert.equal((await service.get(path, passed(right))).status, 200);
  assert.equal((await service.get(path, passed(right, '10.50.0.101'))).status, 403);
  assert.equal((await service.get(path, passed(`${RACK_TOKEN}:x`))).status, 403);
  // It speaks for no machine in another network, and its own key is not a machine's.
  const here = await service.deploying(B, HERE);
  assert.equal((await service.get(await service.preseedPath(here.id), passed(right, HERE))).status, 403);
  const authorization = rackAuthorization();
  assert.equal((await service.get('latest/user-data', { headers: { authorization } })).status, 403);
  assert.equal((await service.get('latest/meta-data/instance-id', { ...passed(right), key })).text, id);
});

check('a machine whose rack has no installer for it fails, and gets no image instead', async (service) => {
  const { id } = await service.deploying(A, HERE);
  const headers = { 'x-rackboot-token': await service.token(id) };
  assert.equal((await service.ask('GET', '/MAAS/rackboot/1/job', { headers })).text, 'job=none\n');
  const { status, statusReason: why } = await service.machine(id);
  assert.equal(status, 'failed-deployment');
  assert.match(
    reasonOf({ statusReason: why }),
    /^started: the rack .* has no installer in its tree: amd64\/generic\/trixie\/install$/,
  );
  assert.equal(why?.code === 'signal' && why.params.fault?.code, 'installer-missing');
});

check('a machine that sends requests without end is refused for a while, and others are not', async (service) => {
  const { key } = await service.deploying(A, HERE);
  const other = await service.deploying(B, THERE);
  let last = 200;
  for (let count = 0; count <= MACHINE_RATE.burst && last === 200; count += 1)
    last = (await service.get('latest/meta-data/instance-id', { key })).status;
  assert.equal(last, 429);
  assert.equal((await service.get('latest/meta-data/instance-id', { key: other.key })).status, 200);
  await service.place.clock.pass(1000);
  assert.equal((await service.get('latest/meta-data/instance-id', { key })).status, 200);
});

check('guesses at keys and secrets are limited by address', async (service) => {
  const { id, key } = await service.deploying(A, HERE);
  const guess = { ...key, tokenSecret: 'x' };
  const seen = new Set<number>();
  for (let count = 0; count < 60; count += 1) {
    seen.add((await service.get('latest/user-data', { key: guess, from: FOREIGN })).status);
    seen.add((await service.get(`latest/by-id/${id}/?boot=x&op=get_preseed`, { from: THERE })).status);
  }
  assert.deepEqual([...seen].sort(), [401, 403, 429]);
});
