// DNS of a rack that runs whole, asked by dig and busybox from hosts of its network and from a foreign one behind a router; names
// come from the configuration, from leases and from the outside, whose first name server is dead.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'dig', 'dnsmasq', 'busybox');
const RACK = '10.77.3.1';
const OUTSIDE = '192.0.2.53';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.3.0/24
    ip_range_low: 10.77.3.100
    ip_range_high: 10.77.3.199
    static_ip_range_low: 10.77.3.10
    static_ip_range_high: 10.77.3.99
    domain: lab.example
    hosts:
      - { mac: "52:54:00:77:05:02", ip: 10.77.3.20, hostname: printer }
dns:
  # The first is nobody's.
  upstream: [10.77.3.250, ${OUTSIDE}]
  dnssec_validation: no
  records:
    - { name: www.maas, type: CNAME, data: printer.lab.example }
    - { name: docs.maas, type: CNAME, data: www.outside.example }
    - { name: maas, type: MX, data: "10 rack.maas" }
    - { name: _imap._tcp.maas, type: SRV, data: "0 1 143 rack.maas" }
    - { name: maas, type: TXT, data: "made here" }
`;

describe('DNS clients of a running rack', { skip }, () => {
  let rack: RackNetwork;
  let host = '';
  let foreign = '';
  let outside: Running;

  before(async () => {
    rack = new RackNetwork('dns', RACK);
    host = rack.namespace.addHost('host', '52:54:00:77:05:01');
    const router = rack.namespace.addHost('router', '52:54:00:77:05:fe');
    await rack.run(host, 'ip', 'address', 'add', '10.77.3.50/24', 'dev', 'eth0');
    await rack.run(router, 'ip', 'address', 'add', '10.77.3.254/24', 'dev', 'eth0');
    foreign = rack.addFarHost(router, 'foreign', '52:54:00:77:05:03', '198.18.0.1/24');
    await rack.run(foreign, 'ip', 'address', 'add', '198.18.0.2/24', 'dev', 'eth0');
    await rack.run(foreign, 'ip', 'route', 'add', 'default', 'via', '198.18.0.1');
    await rack.run(undefined, 'ip', 'route', 'add', '198.18.0.0/24', 'via', '10.77.3.254');
    await rack.run(undefined, 'ip', 'address', 'add', `${OUTSIDE}/32`, 'dev', 'lo');
    outside = rack.launch(
      undefined,
      'dnsmasq',
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--log-facility=-',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
      `--listen-address=${OUTSIDE}`,
      '--local=/example/',
      '--host-record=www.outside.example,198.52.100.7',
      '--cname=ftp.outside.example,www.outside.example',
      '--local=/7.100.52.198.in-addr.arpa/',
    );
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  const dig = async (...words: readonly string[]): Promise<string> =>
    (await rack.run(host, 'dig', `@${RACK}`, '+tries=1', '+time=8', ...words)).out.trim();

  test('an outside name comes from the second upstream server at the first try when the first is dead', async () => {
    assert.equal(await dig('+short', 'www.outside.example'), '198.52.100.7');
    const alias = await dig('ftp.outside.example');
    assert.match(alias, /status: NOERROR/);
    assert.match(alias, /ftp\.outside\.example\.\s+\d+\s+IN\s+CNAME\s+www\.outside\.example\./);
    assert.match(await dig('nobody.outside.example'), /status: NXDOMAIN/);
    assert.equal(await dig('+short', '-x', '198.52.100.7'), 'www.outside.example.');
    const failed = await rack.reported('dns.upstream-failed');
    assert.equal(failed.address, '10.77.3.250');
    const ms = Number(/Query time: (\d+) msec/.exec(await dig('again.outside.example'))?.[1]);
    assert.ok(ms < 400, `the dead server is not waited for again: ${ms} ms`);
  });

  const answers: readonly (readonly [what: string, words: readonly string[], expected: string])[] = [
    ['the rack', ['rack.maas'], RACK],
    ['the rack in the domain of the network', ['rack.lab.example'], RACK],
    ['the rack by its address', ['-x', RACK], 'rack.maas.'],
    ['the name server of the zone', ['maas', 'NS'], 'rack.maas.'],
    ['the name server of the other zone', ['lab.example', 'NS'], 'rack.lab.example.'],
    ['the name server of the reverse zone', ['3.77.10.in-addr.arpa', 'NS'], 'rack.maas.'],
    ['a reservation', ['printer.lab.example'], '10.77.3.20'],
    ['a reservation by its address', ['-x', '10.77.3.20'], 'printer.lab.example.'],
    ['a reservation in capitals', ['PRINTER.Lab.Example'], '10.77.3.20'],
    ['a reservation by TCP', ['+tcp', 'printer.lab.example'], '10.77.3.20'],
    ['a generated name', ['10-77-3-150.lab.example'], '10.77.3.150'],
    ['a dynamic address', ['-x', '10.77.3.150'], '10-77-3-150.lab.example.'],
    ['an alias', ['www.maas'], 'printer.lab.example.\n10.77.3.20'],
    ['an alias to the outside', ['docs.maas'], 'www.outside.example.\n198.52.100.7'],
    ['a mail exchanger', ['maas', 'MX'], '10 rack.maas.'],
    ['a service', ['_imap._tcp.maas', 'SRV'], '0 1 143 rack.maas.'],
    ['a text', ['maas', 'TXT'], '"made here"'],
    ['no address of the other family', ['printer.lab.example', 'AAAA'], ''],
    ['nothing for a static address without a machine', ['-x', '10.77.3.60'], ''],
    ['no name next to the dynamic range', ['10-77-3-60.lab.example'], ''],
  ];
  for (const [what, words, expected] of answers) {
    test(`dig finds ${what}`, async () => assert.equal(await dig('+short', ...words), expected));
  }

  test('dig sees one SOA for each zone, and authoritative answers', async () => {
    const zones = { maas: 'maas', 'lab.example': 'lab.example', '3.77.10.in-addr.arpa': 'maas' };
    for (const [zone, domain] of Object.entries(zones)) {
      const text = await dig(zone, 'SOA');
      assert.match(text, /flags: qr aa rd ra;/, zone);
      assert.match(text, new RegExp(`^${zone}\\.\\s+\\d+\\s+IN\\s+SOA\\s+rack\\.${domain}\\. `, 'm'));
    }
  });

  test('busybox, which queries both families at once, resolves a name', async () => {
    const found = await well(rack.run(host, 'busybox', 'nslookup', 'printer.lab.example', RACK));
    assert.match(found, /10\.77\.3\.20/);
  });

  test('a client has the name that it sends, while its lease runs', async () => {
    const script = join(rack.directory, 'script');
    writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && ip address replace "$ip/$mask" dev "$interface"\nexit 0\n`, {
      mode: 0o755,
    });
    const words = ['-f', '-R', '-i', 'eth0', '-s', script, '-t', '5', '-T', '1', '-x', 'hostname:Notebook'];
    const running = rack.launch(host, 'busybox', 'udhcpc', ...words);
    const ack = await rack.reported('dhcp.ack');
    const address = String(ack.address);
    assert.match(address, /^10\.77\.3\.1\d\d$/);
    await eventually('the name', async () => (await dig('+short', 'notebook.lab.example')) === address);
    assert.equal(await dig('+short', '-x', address), 'notebook.lab.example.');
    await running.end('SIGTERM');
    await rack.reported('dhcp.release');
    await eventually('the name goes', async () => (await dig('notebook.lab.example')).includes('status: NXDOMAIN'));
    assert.equal(await dig('+short', '-x', address), `${address.replaceAll('.', '-')}.lab.example.`);
  });

  test('a host of another network is refused all names, unless it is allowed', async () => {
    const ask = async (...words: string[]): Promise<string> =>
      (await rack.run(foreign, 'dig', `@${RACK}`, '+tries=1', '+time=3', ...words)).out;
    for (const name of ['rack.maas', 'www.outside.example', 'version.bind']) {
      for (const how of ['+notcp', '+tcp']) assert.match(await ask(how, name), /status: REFUSED/, `${name} ${how}`);
    }
    await rack.apply(CONFIG.replace('dns:\n', 'dns:\n  allow_recursion: [198.18.0.0/24]\n'));
    assert.match(await ask('www.outside.example'), /status: NOERROR/);
    assert.equal((await ask('+short', 'rack.maas')).trim(), RACK);
  });

  test('DNSSEC validation is never claimed: the configuration accepts only `no`, and no answer has the AD flag', async () => {
    const good = readFileSync(rack.configFile, 'utf8');
    for (const wanted of ['yes', 'auto', 'true']) {
      writeFileSync(rack.configFile, good.replace('dnssec_validation: no', `dnssec_validation: ${wanted}`));
      const checked = await rack.rackboot('check');
      assert.equal(checked.code, 1);
      assert.match(checked.err, /dns\.dnssec_validation: only `no` is accepted/, wanted);
    }
    await rack.reported('config.refused', ({ problems }) => String(problems).includes('dnssec_validation'));
    assert.match(await dig('+dnssec', '+adflag', 'www.outside.example'), /flags: qr rd ra;/);
    writeFileSync(rack.configFile, good);
    await rack.well('check');
  });

  test('with every upstream server dead, outside names fail with SERVFAIL, and our own names stay', async () => {
    await outside.end();
    const failed = await dig('other.outside.example');
    assert.match(failed, /status: SERVFAIL/);
    assert.equal(await dig('+short', 'printer.lab.example'), '10.77.3.20');
  });
});
