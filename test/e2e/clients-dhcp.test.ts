// DHCP as real clients see it: dhclient, udhcpc and dhcpcd on hosts of their own, cabled to a complete rack; hosts of another network come
// through dnsmasq and ISC's dhcrelay.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { z } from 'zod';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';
import { RackNetwork, type Running } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dhclient', 'dhcpcd', 'tcpdump', 'unshare');

const RACK = '10.77.1.1';
const CLIENT = '52:54:00:77:02:01';
const PRINTER = '52:54:00:77:02:02';
const ABSENT = '52:54:00:77:02:03';
const FAR = '52:54:00:77:02:04';
const DYNAMIC = /^10\.77\.1\.10[0-6]$/;
/** Seven, of which one is reserved, and one is in use by a host without a lease. */
const DYNAMIC_FREE = 5;

/** Longer than one length byte can express; for a client that names no size it continues from the options to file and sname. */
const LONG = 'rack '.repeat(76).trim();

const CONFIG = `dhcp:
  options: [{ name: tz-database-timezone, value: Europe/Berlin }]
cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.1.0/24
    router_ip: 10.77.1.254
    ip_range_low: 10.77.1.100
    ip_range_high: 10.77.1.106
    static_ip_range_low: 10.77.1.10
    static_ip_range_high: 10.77.1.99
    ntp_servers: [10.77.1.9, ntp.maas, nowhere.maas]
    options:
      - { name: classless-static-routes, value: [[10.9.0.0/16, 10.77.1.253]] }
      - { name: domain-search, value: [lab.example, dc1.lab.example] }
      - { code: 43, type: hex, value: "0104c0000207", when: { vendor_class: "lab phone*" } }
      - { code: 224, type: text, value: "${LONG}" }
    hosts:
      - { mac: "${PRINTER}", ip: 10.77.1.20, hostname: printer }
      - { mac: "${ABSENT}", ip: 10.77.1.102, hostname: absent }
  - name: far
    relayed: true
    network: 10.78.1.0/24
    router_ip: 10.78.1.1
    ip_range_low: 10.78.1.100
    ip_range_high: 10.78.1.110
    dns_servers: [${RACK}]
dns:
  records: [{ name: ntp.maas, type: A, data: 10.77.1.8 }]
`;

/** The client's script results, one line a turn; it sets the address as a client's own script would. */
const SCRIPT = `#!/bin/sh
if [ -n "$reason" ]; then
  turn=$reason ip=$new_ip_address mask=$new_subnet_mask router=$new_routers dns=$new_domain_name_servers
  domain=$new_domain_name hostname=$new_host_name lease=$new_dhcp_lease_time
else
  turn=$1
fi
case $turn in
  bound|renew|BOUND|RENEW|REBOOT|REBIND) ip address replace "$ip/$mask" dev "$interface" ;;
  deconfig|RELEASE|EXPIRE|FAIL) ip address flush dev "$interface" ;;
esac
echo "{\\"turn\\":\\"$turn\\",\\"ip\\":\\"$ip\\",\\"mask\\":\\"$mask\\",\\"router\\":\\"$router\\",\\"dns\\":\\"$dns\\",\\"domain\\":\\"$domain\\",\\"hostname\\":\\"$hostname\\",\\"lease\\":\\"$lease\\"}" >>"\${0%/*}/turns"
`;
const turnShape = z.record(z.string(), z.string());
type Turn = z.infer<typeof turnShape>;

describe('DHCP clients of a running rack', { skip }, () => {
  let rack: RackNetwork;
  let client = '';
  let rogue = '';
  let far = '';
  const scratch = (name: string): string => join(rack.directory, name);

  before(async () => {
    rack = new RackNetwork('dhcp', RACK);
    client = rack.namespace.addHost('client', CLIENT);
    rogue = rack.namespace.addHost('rogue', '52:54:00:77:02:0f');
    const router = rack.namespace.addHost('router', '52:54:00:77:02:fe');
    await rack.run(router, 'ip', 'address', 'add', '10.77.1.254/24', 'dev', 'eth0');
    far = rack.addFarHost(router, 'far', FAR, '10.78.1.1/24');
    await rack.run(undefined, 'ip', 'route', 'add', '10.78.1.0/24', 'via', '10.77.1.254');
    writeFileSync(scratch('script'), SCRIPT, { mode: 0o755 });
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());
  afterEach(async () => {
    rmSync(scratch('turns'), { force: true });
    await rack.run(client, 'ip', 'link', 'set', 'eth0', 'address', CLIENT);
    await rack.run(client, 'ip', 'address', 'flush', 'dev', 'eth0');
  });

  const turns = (): Turn[] => {
    try {
      const lines = readFileSync(scratch('turns'), 'utf8').trim().split('\n');
      return lines.map((line) => turnShape.parse(JSON.parse(line)));
    } catch {
      return [];
    }
  };
  const turn = (...names: readonly string[]): Promise<Turn> =>
    eventually(`${names} by a client's script: ${JSON.stringify(turns())}`, () =>
      turns().find((one) => names.includes(one.turn ?? '')),
    );
  const leases = async () => {
    const listed = await rack.well('leases', 'list', '--json');
    return leasesShape.parse(JSON.parse(listed));
  };
  const leaseOf = async (mac: string) =>
    (await leases()).filter((lease) => lease.mac === mac && lease.state === 'bound');
  const addressOf = async (host: string): Promise<string | undefined> =>
    /inet ([\d.]+)\/24/.exec((await rack.run(host, 'ip', '-4', 'address', 'show', 'dev', 'eth0')).out)?.[1];

  /** udhcpc, once; undefined: it got nothing. */
  const udhcpc = async (host: string, ...more: readonly string[]): Promise<Turn | undefined> => {
    rmSync(scratch('turns'), { force: true });
    const words = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', scratch('script'), '-t', '4', '-T', '1'];
    const { code } = await rack.run(host, ...words, ...more);
    return code === 0 ? await turn('bound') : undefined;
  };
  const dhclientFiles = (): readonly string[] => [
    '-cf',
    scratch('dhclient.conf'),
    '-lf',
    scratch('dhclient.leases'),
    '-pf',
    scratch('dhclient.pid'),
    '-sf',
    scratch('script'),
  ];
  const dhclient = (conf: string): Running => {
    rmSync(scratch('turns'), { force: true });
    const asked = 'request subnet-mask, routers, domain-name, domain-name-servers, host-name, ntp-servers;\n';
    writeFileSync(scratch('dhclient.conf'), `${asked}initial-interval 1;\nsupersede dhcp-renewal-time 2;\n${conf}`);
    return rack.launch(client, 'dhclient', '-4', '-d', ...dhclientFiles(), 'eth0');
  };
  const forgetLease = (): void => rmSync(scratch('dhclient.leases'), { force: true });

  test('udhcpc gets the addresses of named NTP servers, and status and doctor name a server without one', async () => {
    const script = `#!/bin/sh\n[ "$1" != bound ] || echo "$ntpsrv" >"\${0%/*}/ntp"\n`;
    writeFileSync(scratch('ntp-script'), script, { mode: 0o755 });
    const words = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', scratch('ntp-script'), '-O', 'ntpsrv'];
    await rack.reported('daemon.note', ({ note }) => note === 'ntp-name-unresolved');
    await well(rack.run(client, ...words, '-t', '4', '-T', '1'));
    assert.equal(readFileSync(scratch('ntp'), 'utf8').trim(), '10.77.1.9 10.77.1.8');
    const said =
      /The NTP server nowhere\.maas cannot be looked up \(.*nowhere\.maas\), .*: it does not offer this server\./;
    assert.match((await rack.rackboot('status')).out, said);
    assert.match((await rack.rackboot('doctor')).out, said);
  });

  test('dhclient gets a lease, keeps it, starts again with it, and releases it', async () => {
    forgetLease();
    const first = dhclient('send host-name "notebook";\n');
    const bound = await turn('BOUND');
    assert.match(bound.ip ?? '', DYNAMIC);
    const { ip = '' } = bound;
    assert.deepEqual(bound, {
      turn: 'BOUND',
      ip,
      mask: '255.255.255.0',
      router: '10.77.1.254',
      dns: RACK,
      domain: 'maas',
      hostname: '',
      lease: '600',
    });
    assert.equal(await addressOf(client), ip);
    assert.deepEqual(
      (await leaseOf(CLIENT)).map(({ address, hostname }) => ({ address, hostname })),
      [{ address: ip, hostname: 'notebook' }],
    );
    const from = rack.lines.length;
    await turn('RENEW');
    await rack.reported('dhcp.ack', ({ renewal }) => renewal === true, from);
    assert.deepEqual(rack.events('dhcp.offer', from), []);
    await first.end('SIGKILL');

    // INIT-REBOOT, of the client and of the rack: the lease is on both disks.
    await rack.stop();
    await rack.start();
    const restarted = rack.lines.length;
    const second = dhclient('send host-name "notebook";\n');
    assert.equal((await turn('REBOOT')).ip, ip);
    assert.deepEqual(rack.events('dhcp.offer', restarted), []);
    await second.end('SIGKILL');

    await well(rack.run(client, 'dhclient', '-4', '-r', ...dhclientFiles(), 'eth0'));
    await rack.reported('dhcp.release', () => true, restarted);
    assert.deepEqual(await leaseOf(CLIENT), []);
    assert.equal(await addressOf(client), undefined);
  });

  test('dhclient with a lease of another network gets a NAK and then one of this network', async () => {
    const from = rack.lines.length;
    writeFileSync(
      scratch('dhclient.leases'),
      'lease {\n  interface "eth0";\n  fixed-address 192.168.9.5;\n  option subnet-mask 255.255.255.0;\n' +
        '  option dhcp-server-identifier 192.168.9.1;\n  renew 5 2037/01/01 00:00:00;\n' +
        '  rebind 5 2037/01/01 00:00:00;\n  expire 5 2037/01/01 00:00:00;\n}\n',
    );
    const running = dhclient('');
    assert.match((await turn('BOUND')).ip ?? '', DYNAMIC);
    assert.equal((await rack.reported('dhcp.nak', () => true, from)).reason, 'wrong-network');
    await running.end('SIGKILL');
  });

  for (const program of [['busybox', 'udhcpc'], ['udhcpc']]) {
    test(`${program.join(' ')} gets a lease, renews it and releases it`, async () => {
      const from = rack.lines.length;
      const words = ['-f', '-R', '-i', 'eth0', '-s', scratch('script'), '-t', '5', '-T', '1', '-x', 'hostname:thing'];
      const running = rack.launch(client, ...program, ...words);
      const bound = await turn('bound');
      assert.match(bound.ip ?? '', DYNAMIC);
      assert.equal(`${bound.mask} ${bound.router} ${bound.dns} ${bound.domain}`, `24 10.77.1.254 ${RACK} maas`);
      assert.equal(await addressOf(client), bound.ip);
      running.child.kill('SIGUSR1');
      assert.equal((await turn('renew')).ip, bound.ip);
      const acks = (): readonly unknown[] => rack.events('dhcp.ack', from).map(({ renewal }) => renewal);
      await eventually('both are in the log', () => acks().length >= 2);
      // The client had this address before, and its lease still ran.
      assert.deepEqual([...new Set(acks())], [true]);
      await running.end('SIGTERM');
      await rack.reported('dhcp.release', () => true, from);
      assert.deepEqual(await leaseOf(CLIENT), []);
      await udhcpc(client);
    });
  }

  test('one network card keeps its address under any client identifier', async () => {
    const address = (await udhcpc(client))?.ip;
    assert.match(address ?? '', DYNAMIC);
    assert.equal((await udhcpc(client, '-C'))?.ip, address);
    assert.equal((await udhcpc(client, '-x', '0x3d:ff00112233aabbcc'))?.ip, address);
    forgetLease();
    const running = dhclient('send dhcp-client-identifier "another";\n');
    assert.equal((await turn('BOUND')).ip, address);
    await running.end('SIGKILL');
    await rack.run(client, 'ip', 'address', 'flush', 'dev', 'eth0');

    // dhcpcd identifies itself by a DUID, and probes the address before it takes it. Its state lies where no other program sees it.
    const alone = 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib && exec dhcpcd "$@"';
    const words = ['-4', '-B', '--script', '/bin/true', '--noipv4ll', '--config', '/dev/null', 'eth0'];
    const dhcpcd = rack.launch(client, 'unshare', '-m', 'sh', '-c', alone, 'dhcpcd', ...words);
    await eventually(`dhcpcd sets the address: ${dhcpcd.text()}`, async () => (await addressOf(client)) === address);
    await dhcpcd.end('SIGTERM');
    assert.equal((await leaseOf(CLIENT)).length, 1);
  });

  test('a reservation goes to its network card only, with its name', async () => {
    await rack.run(client, 'ip', 'link', 'set', 'eth0', 'address', PRINTER);
    const bound = await udhcpc(client, '-r', '10.77.1.105');
    assert.equal(bound?.ip, '10.77.1.20');
    assert.equal(bound?.hostname, 'printer');
  });

  test('a client without an address gets a direct answer, without ARP, or a broadcast if it asks for that', async () => {
    const capture = rack.launch(client, 'tcpdump', '-i', 'eth0', '-nn', '-e', '-l', 'udp port 68 or arp');
    await eventually(`tcpdump listens: ${capture.text()}`, () => capture.text().includes('listening on'));
    const address = (await udhcpc(client))?.ip ?? '';
    assert.equal((await udhcpc(client, '-B'))?.ip, address);
    const replies = (): string[] => capture.text().match(/^.*\.67 > .*Reply.*$/gm) ?? [];
    await eventually(`two offers and two leases: ${capture.text()}`, () => replies().length >= 4);
    await capture.end('SIGINT');
    const itself = `> ${CLIENT}, .* ${RACK}.67 > ${address}.68:`.replaceAll('.', '\\.').replace('\\.*', '.*');
    const everybody = `> ff:ff:ff:ff:ff:ff, .* ${RACK}.67 > 255.255.255.255.68:`
      .replaceAll('.', '\\.')
      .replace('\\.*', '.*');
    const [offer = '', ack = '', ...broadcast] = replies();
    for (const line of [offer, ack]) assert.match(line, new RegExp(itself));
    assert.equal(broadcast.length, 2);
    for (const line of broadcast) assert.match(line, new RegExp(everybody));
    assert.doesNotMatch(capture.text(), new RegExp(`who-has ${address} tell ${RACK}`));
  });

  test('dhclient gets the options it asks for: routes, search list, one of 379 bytes, one for its vendor class; and changed values after a reload', async () => {
    const declared = 'option routes code 121 = array of unsigned integer 8;\noption site code 224 = text;\n';
    const asked = 'request subnet-mask, routers, routes, domain-search, tcode, vendor-encapsulated-options, site;\n';
    writeFileSync(scratch('environment'), `#!/bin/sh\ncd ${rack.directory} && env >said && mv said said.$reason\n`, {
      mode: 0o755,
    });
    const reported = async (vendorClass: string, more = ''): Promise<Map<string, string>> => {
      forgetLease();
      rmSync(scratch('said.BOUND'), { force: true });
      const sent = `send vendor-class-identifier "${vendorClass}";\n`;
      writeFileSync(scratch('dhclient.conf'), `${declared}${asked}${sent}${more}initial-interval 1;\n`);
      const words = [...dhclientFiles(), '-sf', scratch('environment'), 'eth0'];
      const running = rack.launch(client, 'dhclient', '-4', '-d', ...words);
      const said = await eventually(`dhclient is bound: ${running.text()}`, () => {
        try {
          return readFileSync(scratch('said.BOUND'), 'utf8');
        } catch {
          return undefined;
        }
      });
      await running.end('SIGKILL');
      return new Map(
        said.split('\n').flatMap((line) => [/^new_(\w+)=(.*)$/.exec(line)?.slice(1) ?? []]) as [string, string][],
      );
    };
    const phone = await reported('lab phone 7', 'send dhcp-max-message-size 1500;\n');
    assert.equal(phone.get('routes'), '16 10 9 10 77 1 253 0 10 77 1 254');
    // RFC 3442: a client that takes the routes gets no router.
    assert.equal(phone.get('routers'), undefined);
    assert.equal(phone.get('domain_search'), 'lab.example. dc1.lab.example.');
    assert.equal(phone.get('tcode'), 'Europe/Berlin');
    assert.equal(phone.get('site'), LONG);
    assert.equal(phone.get('vendor_encapsulated_options'), '1:4:c0:0:2:7');
    const other = await reported('another');
    assert.equal(other.get('vendor_encapsulated_options'), undefined);
    assert.equal(other.get('site'), LONG);

    const from = rack.lines.length;
    rack.configure(CONFIG.replace(LONG, 'changed').replace('Europe/Berlin', 'UTC'));
    await rack.reported('config.applied', () => true, from);
    const after = await reported('another');
    assert.deepEqual([after.get('site'), after.get('tcode')], ['changed', 'UTC']);
    const before = rack.lines.length;
    rack.configure(CONFIG);
    await rack.reported('config.applied', () => true, before);
  });

  test('udhcpc declines an address that a host uses without a lease, and the rack sets it aside', async () => {
    const address = (await udhcpc(client))?.ip ?? '';
    await rack.run(client, 'ip', 'address', 'flush', 'dev', 'eth0');
    await rack.run(rogue, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    const from = rack.lines.length;
    const bound = await udhcpc(client, '-a', '-A', '1');
    assert.match(bound?.ip ?? '', DYNAMIC);
    assert.notEqual(bound?.ip, address);
    await rack.reported('dhcp.decline', () => true, from);
    assert.equal((await leases()).find((lease) => lease.address === address)?.state, 'declined');
  });

  for (const relay of ['dnsmasq', 'dhcrelay'] as const) {
    test(`a host behind ${relay} gets an address of its own network, renews it and releases it`, {
      skip: missing(relay),
    }, async () => {
      const from = rack.lines.length;
      const routed = `${rack.namespace.name}-router`;
      const dnsmasq = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--pid-file='];
      const words =
        relay === 'dnsmasq'
          ? [...dnsmasq, '--log-facility=-', `--dhcp-relay=10.78.1.1,${RACK}`]
          : ['dhcrelay', '-4', '-d', '-a', '-id', 'eth1', '-iu', 'eth0', '--no-pid', RACK];
      const relaying = rack.launch(routed, ...words);
      const more = ['-f', '-R', '-i', 'eth0', '-s', scratch('script'), '-t', '15', '-T', '1'];
      const running = rack.launch(far, 'busybox', 'udhcpc', ...more);
      try {
        const bound = await turn('bound');
        assert.match(bound.ip ?? '', /^10\.78\.1\.1(0\d|10)$/);
        assert.equal(`${bound.mask} ${bound.router} ${bound.dns}`, `24 10.78.1.1 ${RACK}`);
        // The renewal goes to the rack itself, through the router.
        await rack.run(far, 'ip', 'route', 'replace', 'default', 'via', '10.78.1.1');
        running.child.kill('SIGUSR1');
        assert.equal((await turn('renew')).ip, bound.ip);
        await running.end('SIGTERM');
        await rack.reported('dhcp.release', () => true, from);
        assert.deepEqual(await leaseOf(FAR), []);
      } finally {
        await relaying.end();
        await running.end('SIGKILL');
        await rack.run(far, 'ip', 'address', 'flush', 'dev', 'eth0');
      }
    });
  }

  test('clients get every free address of the range, and never a static or reserved one, or one of the rack or router', async () => {
    // Each first asks for an address that is not for it.
    const wishes = ['10.77.1.50', '10.77.1.20', '10.77.1.102', RACK, '10.77.1.254', '10.77.1.0', '10.77.1.255'];
    const from = rack.lines.length;
    const given = new Map<string, string>();
    let refused = 0;
    for (const [index, wish] of wishes.entries()) {
      const mac = `52:54:00:77:03:0${index}`;
      await rack.run(client, 'ip', 'link', 'set', 'eth0', 'address', mac);
      const bound = await udhcpc(client, '-r', wish);
      if (bound === undefined) refused += 1;
      else given.set(bound.ip ?? '', mac);
    }
    const held = (await leaseOf(CLIENT)).map(({ address }) => address);
    for (const address of given.keys()) assert.match(address, DYNAMIC);
    assert.ok(!given.has('10.77.1.102'));
    assert.equal(given.size + held.length, DYNAMIC_FREE);
    assert.equal(given.size + refused, wishes.length);
    await rack.reported('dhcp.refused', () => true, from);
    const reasons = new Set(rack.events('dhcp.refused', from).map(({ reason }) => reason));
    assert.deepEqual([...reasons], ['range-exhausted']);
    // The range is full, and its clients stay.
    for (const [address, mac] of given) {
      await rack.run(client, 'ip', 'link', 'set', 'eth0', 'address', mac);
      assert.equal((await udhcpc(client))?.ip, address);
    }
  });
});
