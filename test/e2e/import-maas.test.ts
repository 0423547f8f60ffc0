// `rackboot import-maas` from another Rackboot that plays the MAAS, and from the recorded shapes of MAAS 2.9 and 3.6: machines keep their names,
// networks, addresses, tags and power; those that run a system are Deployed and boot their own disk; a second import adds nothing; a hostile
// source changes nothing.
// @host waits, 40 s

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { MAAS_KEY, type MaasAnswers, MaasSite, maasAnswers } from '../support/maas-site.ts';
import { missing } from '../support/needs.ts';
import { type Ended, RunningRack } from '../support/running-rack.ts';

const [SOURCE, TARGET] = [labPlace(139), labPlace(140)];

const reportShape = z.object({
  whole: z.boolean(),
  added: z.array(
    z.object({
      kind: z.string(),
      name: z.string(),
      places: z.array(z.string()).optional(),
      power: z.array(z.string()).optional(),
    }),
  ),
  objects: z.record(z.string(), z.object({ added: z.number(), there: z.number(), refused: z.number() })),
  remarks: z.array(z.object({ kind: z.string(), name: z.string(), text: z.string() })),
});
const machineShape = z.looseObject({
  system_id: z.string(),
  hostname: z.string(),
  fqdn: z.string(),
  status_name: z.string(),
  power_type: z.string(),
  memory: z.number(),
  netboot: z.boolean(),
  owner_data: z.record(z.string(), z.string()),
  status_message: z.string(),
  locked: z.boolean(),
  tag_names: z.array(z.string()),
  allocated_ip_addresses: z.array(z.string()),
  zone: z.looseObject({ name: z.string() }),
  pool: z.looseObject({ name: z.string() }),
  interface_set: z.array(z.looseObject({ name: z.string(), type: z.string(), parents: z.array(z.string()) })),
});
type Machine = z.output<typeof machineShape>;

const CAROLS_KEYS = 'account/prefs/sshkeys/?username=carol';

const skip = missing('linux');

/** A region of its own, and what people ask of it. */
class Site {
  readonly rack: RunningRack;

  constructor(place: typeof SOURCE) {
    this.rack = new RunningRack(place);
  }

  ask(path: string, fields?: Readonly<Record<string, string>>): Promise<unknown> {
    const form = fields && new URLSearchParams(fields).toString();
    return askDaemon(this.rack.stateDir, `/MAAS/api/2.0/${path}`, fields === undefined ? 'GET' : 'POST', form);
  }

  async names(path: string, property = 'name'): Promise<readonly unknown[]> {
    return z
      .array(z.looseObject({}))
      .parse(await this.ask(path))
      .map((one) => one[property]);
  }

  async machines(): Promise<ReadonlyMap<string, Machine>> {
    const all = z.array(machineShape).parse(await this.ask('machines/'));
    return new Map(all.map((one) => [one.hostname, one]));
  }

  import(url: string, keyFile: string, ...words: readonly string[]): Promise<Ended> {
    return this.rack.rackboot('import-maas', url, keyFile, ...words);
  }
}

const reportOf = ({ out, err }: Ended) => {
  assert.doesNotMatch(`${out}${err}`, /Secret|kLmNoPqRsTuV/, 'no secret is printed');
  return reportShape.parse(JSON.parse(out));
};
const addedIn = (report: z.output<typeof reportShape>) =>
  Object.values(report.objects).reduce((sum, { added }) => sum + added, 0);
const namesAdded = (report: z.output<typeof reportShape>, kind: string) =>
  report.added.filter((one) => one.kind === kind).map(({ name }) => name);
const remarksOn = (report: z.output<typeof reportShape>, name: string) =>
  report.remarks.filter((one) => one.name === name).map(({ text }) => text);

describe('a Rackboot plays the MAAS', { skip }, () => {
  const [from, to] = [new Site(SOURCE), new Site(TARGET)];
  const keyFile = join(to.rack.directory, 'maas.key');
  const url = `http://127.0.0.1:${SOURCE.regionPort}/MAAS`;

  before(async () => {
    await from.rack.startWhole();
    writeFileSync(keyFile, await from.rack.administrator('carol'));
    const machine = { architecture: 'amd64/generic', domain: 'example.com', zone: 'north', pool: 'blue' };
    await from.ask('zones/', { name: 'north', description: 'the north hall' });
    await from.ask('resourcepools/', { name: 'blue' });
    await from.ask('domains/', { name: 'example.com' });
    await from.ask('fabrics/', { name: 'hall' });
    await from.ask('fabrics/name:hall/vlans/', { vid: '30', mtu: '9000', name: 'storage' });
    await from.ask('subnets/', { cidr: '172.30.0.0/24', name: 'lan', fabric: 'hall', gateway_ip: '172.30.0.1' });
    await from.ask('subnets/', { cidr: '172.30.1.0/24', name: 'far', fabric: 'hall', vid: '30' });
    await from.ask('ipranges/', { type: 'dynamic', start_ip: '172.30.0.200', end_ip: '172.30.0.240' });
    const route = { source: '172.30.0.0/24', destination: '172.30.1.0/24', gateway_ip: '172.30.0.3' };
    await from.ask('static-routes/', route);
    await from.ask('tags/', { name: 'big', comment: 'large ones', kernel_opts: 'hugepages=64' });
    await from.ask('users/', { username: 'dave', email: '', password: 'correct horse battery', is_superuser: 'false' });
    const power = JSON.stringify({ power_address: '172.31.0.9', power_user: 'maas', power_pass: 'Bmc-Secret-1' });
    const ready = {
      ...machine,
      hostname: 'ready1',
      mac_addresses: '52:54:00:30:00:01',
      power_type: 'ipmi',
      commission: 'false',
    };
    const made = machineShape.parse(await from.ask('machines/', { ...ready, power_parameters: power }));
    await from.ask(`machines/${made.system_id}/?op=accept`, { skip_commissioning: 'true' });
    await from.ask('tags/big/?op=update_nodes', { add: made.system_id });
    const web = { ...machine, hostname: 'web1', mac_addresses: '52:54:00:30:00:02', deployed: 'true' };
    const { system_id: id, interface_set: nics } = machineShape.parse(await from.ask('machines/', web));
    const link = { mode: 'static', subnet: '172.30.0.0/24', ip_address: '172.30.0.40', default_gateway: 'true' };
    await from.ask(`nodes/${id}/interfaces/${nics[0]?.id}/?op=link_subnet`, link);
    await from.ask(`machines/${id}/?op=lock`, {});
    for (const [hostname, mac, op, fields] of [
      ['fan1', '52:54:00:30:00:04', 'mark_broken', { deployed: 'true' }],
      ['lost1', '52:54:00:30:00:05', 'mark_missing', { deployed: 'true' }],
      ['dead1', '52:54:00:30:00:06', 'mark_broken', {}],
    ] as const) {
      const node = { ...machine, commission: 'false', ...fields, hostname, mac_addresses: mac };
      const { system_id: own } = machineShape.parse(await from.ask('machines/', node));
      await from.ask(`machines/${own}/?op=${op}`, { comment: `the fan of ${hostname}` });
      await from.ask(`machines/${own}/?op=set_owner_data`, { 'app.name': hostname });
    }
    await from.ask('devices/', { hostname: 'printer', mac_addresses: '52:54:00:30:00:03' });
    await from.ask('ipaddresses/?op=reserve', { ip: '172.30.0.60' });
    await from.ask('dnsresources/', { fqdn: 'www.example.com', ip_addresses: '172.30.0.60' });
    await to.rack.startWhole();
  });
  after(async () => {
    await from.rack.remove();
    await to.rack.remove();
  });

  test('a dry run says what would be added, and adds nothing', async () => {
    const report = reportOf(await to.import(url, keyFile, '--dry-run', '--json'));
    assert.equal(report.objects.machines?.added, 5);
    assert.match(remarksOn(report, 'lost1').join(), /Missing .*Deployed/);
    assert.deepEqual(
      [namesAdded(report, 'domains'), namesAdded(report, 'users')],
      [['example.com'], ['carol', 'dave']],
    );
    assert.deepEqual(
      report.added.filter(({ power }) => power !== undefined),
      [{ kind: 'machines', name: 'ready1', places: ['ready1.example.com'], power: ['172.31.0.9'] }],
    );
    assert.deepEqual([...(await to.machines()).keys()], []);
    assert.deepEqual(await to.names('zones/'), ['default']);
  });

  test('everything is there afterwards, and a second import adds nothing', async () => {
    const first = await to.import(url, keyFile, '--json');
    const report = reportOf(first);
    // The network of the laboratory, which is on loopback, is the only thing that is refused, nobody becomes an administrator, and what has
    // a system is Deployed.
    const own = report.remarks.filter(({ name }) => !name.includes(SOURCE.octets)).map(({ name }) => name);
    assert.deepEqual([first.code, report.whole, own], [1, true, ['carol', 'fan1', 'lost1']], first.out);
    assert.deepEqual(await to.names('tags/', 'kernel_opts'), ['hugepages=64'], 'there were no machines');
    const machines = await to.machines();
    const [ready, web] = [machines.get('ready1'), machines.get('web1')];
    assert.deepEqual(
      [ready?.status_name, ready?.fqdn, ready?.zone.name, ready?.pool.name, ready?.tag_names, ready?.power_type],
      ['Ready', 'ready1.example.com', 'north', 'blue', ['big'], 'ipmi'],
    );
    assert.deepEqual(
      [web?.status_name, web?.netboot, web?.locked, web?.allocated_ip_addresses],
      ['Deployed', false, true, ['172.30.0.40']],
    );
    const others = ['fan1', 'lost1', 'dead1'].map((name) => machines.get(name));
    assert.deepEqual(
      others.map((one) => [one?.status_name, one?.netboot, one?.owner_data]),
      [
        ['Deployed', false, { 'app.name': 'fan1' }],
        ['Deployed', false, { 'app.name': 'lost1' }],
        ['Broken', true, { 'app.name': 'dead1' }],
      ],
    );
    assert.match(others[2]?.status_message ?? '', /the fan of dead1/);
    assert.match(remarksOn(report, 'fan1').join(), /the fan of fan1/);
    const power = async (site: Site, id = '') => await site.ask(`machines/${id}/?op=power_parameters`);
    const former = (await from.machines()).get('ready1');
    assert.deepEqual(await power(to, ready?.system_id), await power(from, former?.system_id));
    for (const [path, property] of [
      ['subnets/', 'cidr'],
      ['tags/', 'name'],
      ['users/', 'username'],
      ['dnsresources/', 'fqdn'],
      ['devices/', 'hostname'],
      ['ipaddresses/?all=true', 'ip'],
    ] as const) {
      const here = new Set(await to.names(path, property));
      assert.deepEqual(
        (await from.names(path, property)).filter((one) => !here.has(one) && one !== `${SOURCE.octets}.0/24`),
        [],
        path,
      );
    }
    const [vlan] = z
      .array(z.looseObject({ vid: z.number(), mtu: z.number(), name: z.string().nullable() }))
      .parse(await to.ask('fabrics/name:hall/vlans/'))
      .filter(({ vid }) => vid === 30);
    assert.deepEqual([vlan?.mtu, vlan?.name], [9000, 'storage']);
    const again = await to.import(url, keyFile, '--json');
    assert.equal(addedIn(reportOf(again)), 0, again.out);
  });

  test('a key that is not of an administrator, and a wrong one, are refused before anything is added', async () => {
    const other = join(to.rack.directory, 'other.key');
    writeFileSync(other, await from.rack.well('apikey', '--username', 'dave'));
    for (const key of [await from.rack.well('apikey', '--username', 'dave'), MAAS_KEY]) {
      writeFileSync(other, key);
      const { code, complaints } = await to.import(url, other);
      assert.equal(code, 1);
      assert.match(complaints.join(), /administrator/);
    }
  });
});

describe('a MAAS', { skip }, () => {
  const to = new Site(TARGET);
  const keyFile = join(to.rack.directory, 'maas.key');
  before(async () => {
    writeFileSync(keyFile, MAAS_KEY);
    await to.rack.startWhole();
  });
  after(() => to.rack.remove());

  /** Imports from a MAAS with these answers. */
  async function importFrom(answers: MaasAnswers, ...words: readonly string[]) {
    const site = new MaasSite(answers);
    await site.listen();
    try {
      const ended = await to.import(`http://127.0.0.1:${site.port}/MAAS`, keyFile, ...words);
      assert.deepEqual(
        site.asked.filter((line) => !line.startsWith('GET ')),
        [],
        'the source is only read',
      );
      return ended;
    } finally {
      site.close();
    }
  }

  const good = maasAnswers('3.6');
  const HOSTILE: readonly (readonly [name: string, answers: MaasAnswers, code: number])[] = [
    ['is none', {}, 1],
    ['answers no JSON', { ...good, 'zones/': '{{{' }, 1],
    ['nests without end', { ...good, 'zones/': '['.repeat(30_000_000) }, 1],
    ['answers more than is read', { ...good, 'zones/': `[${' '.repeat(64 * 1024 * 1024)}]` }, 1],
    ['has too many objects', { ...good, 'zones/': `[${'1,'.repeat(100_000)}1]` }, 1],
    ['has objects of other forms', { 'users/?op=whoami': { username: 'x' }, 'zones/': [null, 7, [], { name: {} }] }, 1],
    [
      'names paths and controls a terminal',
      {
        'users/?op=whoami': { username: 'x' },
        'fabrics/': [{ name: '../../users', vlans: [{ fabric: '../../users/\u001b[2J', vid: '0/../../machines' }] }],
        'machines/?op=power_parameters': { '../users': { __proto__: 1 } },
        'machines/': [{ system_id: '../users', hostname: '\u001b]0;x\u0007', status_name: 'Ready' }],
      },
      1,
    ],
  ];
  const empty = { 'users/?op=whoami': { username: 'x' }, 'machines/?op=power_parameters': {} };
  test('that is empty has nothing to import', async () => {
    assert.equal((await importFrom(empty)).code, 0);
  });
  for (const list of [{ name: 'a' }, null, 'x', [[[]]]])
    test(`that answers ${JSON.stringify(list)} instead of a list of objects is no empty one`, async () => {
      assert.equal((await importFrom({ ...empty, 'zones/': JSON.stringify(list) })).code, 1);
    });

  for (const [name, answers, code] of HOSTILE)
    test(`that ${name} changes nothing here`, async () => {
      const ended = await importFrom(answers);
      assert.equal(ended.code, code, ended.err);
      assert.doesNotMatch(`${ended.out}${ended.err}`, /\u001b|a bug/);
      assert.deepEqual([...(await to.machines()).keys()], []);
    });

  for (const version of ['2.9', '3.6'] as const)
    test(`of ${version}: what has a counterpart is added, the rest is said`, async () => {
      const report = reportOf(await importFrom(maasAnswers(version), '--json'));
      const machines = await to.machines();
      if (version === '3.6') {
        // After 2.9, whose machines and networks are the same.
        assert.deepEqual(report.objects.machines, { added: 0, there: 5, refused: 0 });
        assert.deepEqual(report.objects['reserved addresses of hosts'], { added: 0, there: 0, refused: 1 });
        const again = reportOf(await importFrom(maasAnswers(version), '--json'));
        const refused = Object.entries(again.objects).filter((entry) => entry[1].refused > 0);
        assert.deepEqual(
          [addedIn(again), refused.map(([kind]) => kind)],
          [0, ['subnets', 'reserved addresses of hosts']],
        );
        return;
      }
      const states = Object.fromEntries([...machines].map(([name, { status_name: state }]) => [name, state]));
      assert.deepEqual(states, {
        ready1: 'Ready',
        web1: 'Deployed',
        db1: 'Deployed',
        fresh1: 'New',
        busy1: 'Deployed',
      });
      const [ready, web, db] = ['ready1', 'web1', 'db1'].map((name) => machines.get(name));
      assert.deepEqual([ready?.power_type, ready?.memory, ready?.tag_names.includes('big')], ['ipmi', 65_536, true]);
      assert.deepEqual([web?.allocated_ip_addresses, web?.netboot], [['172.30.0.40'], false]);
      assert.deepEqual(
        db?.interface_set.filter(({ type }) => type === 'bond').map(({ name, parents }) => [name, parents]),
        [['bond0', ['ens1', 'ens2']]],
      );
      assert.deepEqual([db?.allocated_ip_addresses, db?.power_type], [['172.30.0.41'], '']);
      assert.match(remarksOn(report, 'db1').join(), /power_type/);
      assert.match(remarksOn(report, 'busy1').join(), /Releasing/);
      assert.match(remarksOn(report, 'odd').join(), /definition/);
      assert.match(remarksOn(report, 'fd00:1::/64').join(), /^refused/);
      assert.match(remarksOn(report, '172.30.1.0/24').join(), /managed/);
      assert.match(remarksOn(report, 'boot-again').join(), /no counterpart/);
      assert.match(remarksOn(report, 'own-check').join(), /no counterpart/);
      assert.deepEqual(await to.names('ipaddresses/?all=true', 'ip'), ['172.30.0.60']);
      assert.equal((await to.names(CAROLS_KEYS, 'key')).length, 1);
      assert.match(namesAdded(report, 'SSH keys').join(), /^SHA256:[\w+/]{43} of carol \(carol@desk\)$/);
    });

  test('that wants to rule over what is here does not', async () => {
    const former = await to.machines();
    const [first] = Array.isArray(good['machines/']) ? good['machines/'] : [];
    const nic = { type: 'physical', name: 'eth0', mac_address: '52:54:00:99:00:01', links: [], parents: [] };
    const uri = 'http://172.31.0.6:7099/Secret?key=Secret';
    const [key = ''] = (await to.names(CAROLS_KEYS, 'key')).map(String);
    const answers = {
      ...empty,
      'users/?op=whoami': { username: 'carol' },
      'users/': ['carol', 'mallory'].map((username) => ({ username, email: '', is_superuser: true })),
      'account/prefs/sshkeys/': [{ key: key.replace('BwcHBw', 'BwcHCA') }],
      'domains/': [{ name: 'deb.example.net', authoritative: true }],
      'tags/': [{ name: 'evil', kernel_opts: "init='/bin/sh' x", definition: '//node' }],
      'machines/?op=power_parameters': { zyx: { power_on_uri: uri, power_off_uri: uri, power_query_uri: uri } },
      'machines/': [
        {
          ...(typeof first === 'object' ? first : {}),
          system_id: 'zyx',
          hostname: 'hook1',
          power_type: 'webhook',
          hardware_uuid: '4c4c4544-0000-1000-8000-000000000099',
          boot_interface: nic,
          interface_set: [nic],
          tag_names: ['evil', 'evil', 'nowhere'],
        },
      ],
    };
    for (const words of [['--dry-run'], []]) {
      const report = reportOf(await importFrom(answers, '--json', ...words));
      const kinds = report.remarks.map((one) => one.kind);
      assert.deepEqual(kinds, ['users', 'SSH keys', 'tags', 'tags'], JSON.stringify(report.remarks));
      assert.deepEqual(report.added, [
        { kind: 'domains', name: 'deb.example.net' },
        { kind: 'users', name: 'mallory' },
        { kind: 'machines', name: 'hook1', places: ['hook1.example.com'], power: ['172.31.0.6:7099'] },
      ]);
      const orders = remarksOn(report, 'evil').join();
      assert.ok(orders.includes(`--kernel-opts='init='\\''/bin/sh'\\'' x'`), orders);
    }
    const users = z.array(z.object({ username: z.string(), is_superuser: z.boolean() }));
    const admins = users.parse(await to.ask('users/')).filter((one) => one.is_superuser);
    assert.deepEqual(admins, []);
    assert.deepEqual(await to.names(CAROLS_KEYS, 'key'), [key]);
    const machines = await to.machines();
    assert.deepEqual(machines.get('hook1')?.tag_names, ['evil']);
    for (const [name, { tag_names: tags }] of former) assert.deepEqual(machines.get(name)?.tag_names, tags);
    const tags = z.array(z.looseObject({ name: z.string() })).parse(await to.ask('tags/'));
    const evil = tags.find(({ name }) => name === 'evil');
    assert.deepEqual([evil?.definition, evil?.kernel_opts], ['', '']);
  });

  test('adds nothing that answers or routes in a domain, a network or a host that was here, and names what it left', async () => {
    const ownMac = String((await to.machines()).get('web1')?.interface_set[0]?.mac_address);
    const lan = { cidr: '172.30.0.0/24', name: 'lan' };
    const far = { cidr: '172.30.1.0/24', name: 'far' };
    const names = ['rack-1.maas', 'maas', 'web1.example.com', 'WPAD.maas.', '*.maas', '*', 'www.bank.example', ''];
    const left = {
      'domains/': ['web1.maas', '0.30.172.in-addr.arpa'].map((name) => ({ name, authoritative: true })),
      'dnsresources/': names.map((fqdn) => ({ fqdn, ip_addresses: [{ ip: '172.30.0.66' }] })),
      'dnsresourcerecords/': names.map((fqdn) => ({ fqdn, rrtype: 'CNAME', rrdata: 'evil.example.' })),
      'static-routes/': [
        { source: lan, destination: far, gateway_ip: '172.30.0.66', metric: 1 },
        { source: { cidr: 'lan' }, destination: far, gateway_ip: '172.30.0.66', metric: 1 },
      ],
      'ipranges/': [
        { type: 'dynamic', start_ip: '172.30.0.100', end_ip: '172.30.0.110', subnet: lan },
        { type: 'dynamic', start_ip: '172.30.0.100', end_ip: '172.30.0.110', subnet: { cidr: 'lan' } },
      ],
      'reservedips/': [
        { ip: '172.30.0.67', mac_address: '52:54:00:77:00:09' },
        { ip: '172.31.5.67', mac_address: ownMac },
      ],
      'ipaddresses/': [{ ip: '172.30.0.68', alloc_type: 4, interface_set: [{ mac_address: '52:54:00:77:00:0A' }] }],
    };
    const added = {
      'domains/': [{ name: 'new.example', authoritative: true }],
      'dnsresources/': [{ fqdn: 'www.new.example', ip_addresses: [{ ip: '172.31.5.66' }] }],
      'subnets/': [{ cidr: '172.31.5.0/24', name: 'five', vlan: { fabric: 'hall', vid: 0 } }],
    };
    const answers = {
      ...empty,
      ...left,
      ...added,
      'domains/': [...added['domains/'], ...left['domains/']],
      'dnsresources/': [...added['dnsresources/'], ...left['dnsresources/']],
    };
    const before = await Promise.all(
      ['dnsresources/', 'dnsresourcerecords/', 'static-routes/', 'ipranges/'].map((path) => to.ask(path)),
    );
    const addresses = await to.names('ipaddresses/?all=true', 'ip');
    const count = Object.values(left).flat().length;
    for (const words of [['--dry-run'], []]) {
      const report = reportOf(await importFrom(answers, '--json', ...words));
      assert.equal(
        report.remarks.filter(({ text }) => text.startsWith('left: ')).length,
        count,
        JSON.stringify(report),
      );
      assert.deepEqual([report.remarks.length, addedIn(report)], [count, 3]);
    }
    const after = await Promise.all(
      ['dnsresources/', 'dnsresourcerecords/', 'static-routes/', 'ipranges/'].map((path) => to.ask(path)),
    );
    const fqdns = (names: unknown) =>
      z
        .array(z.looseObject({ fqdn: z.string() }))
        .parse(names)
        .map(({ fqdn }) => fqdn);
    assert.deepEqual(fqdns(after[0]), [...fqdns(before[0]), 'www.new.example']);
    assert.deepEqual(after.slice(1), before.slice(1));
    // A name reserves its address for the user.
    assert.deepEqual(await to.names('ipaddresses/?all=true', 'ip'), [...addresses, '172.31.5.66']);
  });

  test('has names by their most specific domain, objects by texts, and nodes without what somebody may have', async () => {
    await to.ask('domains/', { name: 'lab.example' });
    await to.ask('dnsresources/', { fqdn: 'shop.maas', ip_addresses: '172.31.5.70' });
    const device = (hostname: unknown, last: number, address: string, domain?: string) => ({
      hostname,
      ...(domain === undefined ? {} : { domain: { name: domain } }),
      interface_set: [
        {
          type: 'physical',
          name: 'eth0',
          mac_address: `52:54:00:98:00:0${last}`,
          links: [{ mode: 'static', ip_address: address, subnet: { cidr: '172.30.0.0/24' } }],
        },
      ],
    });
    const answers = {
      ...empty,
      'domains/': [
        { name: 'example', authoritative: true },
        { name: ['sub.maas'], authoritative: true },
      ],
      'users/': [{ username: ['ghost'], email: '' }],
      'dnsresources/': ['evil.lab.example', 'lab.example', 'deb.example'].map((fqdn) => ({
        fqdn,
        ip_addresses: [{ ip: '6.6.6.6' }],
      })),
      'devices/': [
        device('www', 1, '172.30.0.30', 'maas'),
        device('router', 2, '172.30.0.1', 'maas'),
        device('leased', 3, '172.30.0.205', 'maas'),
        device('shop', 4, '172.30.0.31', 'maas'),
        device('Shop.maas', 5, '172.30.0.32'),
        device('lab', 6, '172.30.0.33', 'example'),
        device(['spirit'], 7, '172.30.0.34', 'maas'),
      ],
    };
    for (const words of [['--dry-run'], []]) {
      const report = reportOf(await importFrom(answers, '--json', ...words));
      assert.deepEqual(report.added, [
        { kind: 'domains', name: 'example' },
        { kind: 'devices', name: 'www', places: ['www.maas', '172.30.0.30'] },
        { kind: 'devices', name: 'router', places: ['router.maas'] },
        { kind: 'devices', name: 'leased', places: ['leased.maas'] },
        { kind: 'names in DNS', name: 'deb.example', places: ['6.6.6.6'] },
      ]);
      assert.deepEqual(
        report.remarks.map(({ kind, name, text }) => [kind, name, text.split(':')[0]]),
        [
          ['domains', 'sub.maas', 'refused'],
          ['users', 'ghost', 'refused'],
          ['devices', 'router', 'left'],
          ['devices', 'leased', 'left'],
          ['devices', 'shop', 'left'],
          ['devices', 'Shop.maas', 'left'],
          ['devices', 'lab', 'left'],
          ['devices', 'spirit', 'refused'],
          ['names in DNS', 'evil.lab.example', 'left'],
          ['names in DNS', 'lab.example', 'left'],
        ],
      );
    }
    assert.deepEqual(
      (await to.names('devices/', 'fqdn')).filter((fqdn) => !String(fqdn).startsWith('printer.')),
      ['www.maas', 'router.maas', 'leased.maas'],
    );
  });
});
