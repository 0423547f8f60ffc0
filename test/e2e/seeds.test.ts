// The command lines of three articles about MAAS 1.4, 1.7 and 2.9, word for word in a shell, against a rack that `init` and `run` made, at the
// ports of the articles (80 and 5240). Each answer is compared with the one that the article shows: the exact keys, and the type of each value.
// Two more articles have only commands of the system, and pages of the browser. In a network of its own, because the ports are the host's.
// @host waits

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { makeStandInImage } from '../../src/lab/lab-files.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { installMaasWrapper } from '../support/maas-wrapper.ts';
import { missing } from '../support/needs.ts';
import { enterOwnMounts, removeOwnMounts } from '../support/own-mounts.ts';
import { enterOwnNetwork, ip } from '../support/own-network.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-seeds-'));
let home = '';
const SHELL_MS_MAX = 60_000;

const JQ = `const list = JSON.parse(require("fs").readFileSync(0)); for (const { id, architecture } of list) console.log(id + "\\t" + architecture)`;

const configFile = '/etc/rackboot/rackboot.yaml';
const stateDir = '/var/lib/rackboot';
const lines: LogLine[] = [];
let rack: DaemonProcess | undefined;
let environment: NodeJS.ProcessEnv;

/** Runs a line of the shell. @returns its output */
function shell(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('sh', ['-ec', line], { env: environment, cwd: home, timeout: SHELL_MS_MAX }, (error, stdout, stderr) =>
      error === null && stderr === ''
        ? resolve(stdout)
        : reject(new Error(`${line}\n${stderr}${stdout}`, { cause: error })),
    );
  });
}

/** The keys of a value with the types of theirs. A list has the type of its entries, if it has any. */
function shapeOf(value: unknown): unknown {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object') return typeof value;
  const entries = Object.entries(value).map(([key, one]) => [key, shapeOf(one)]);
  return Object.fromEntries(entries.toSorted());
}

/** The answer of a line in JSON, which has the keys and types of `shown`. */
async function answers(line: string, shown: string): Promise<ReturnType<typeof JSON.parse>> {
  const value = JSON.parse(await shell(line));
  const wanted = JSON.parse(shown);
  const entries = Array.isArray(wanted) ? value : [value];
  assert.ok(entries.length > 0, `${line} lists nothing`);
  for (const entry of entries)
    assert.deepEqual(shapeOf(entry), shapeOf(Array.isArray(wanted) ? wanted[0] : wanted), line);
  return value;
}

/** The number of a status, and the text, of an answer at this rack's port 80. */
const askPort80 = (host: string, path: string, options: RequestInit = {}): Promise<Response> =>
  fetch(`http://${host}${path}`, { redirect: 'manual', ...options });

describe("the articles' command lines", { skip: missing('linux', 'root', 'ip') }, () => {
  before(async () => {
    enterOwnNetwork();
    // The interface and the address of the article about 1.7.
    ip('link add eth0 type veth peer name far');
    ip('link set far up');
    ip('address add 192.168.127.100/24 dev eth0');
    ip('link set eth0 up');
    const path = enterOwnMounts(place);
    // The keys of the article's source: an own package of Ubuntu has them.
    execFileSync('mount', ['-t', 'tmpfs', 'keyrings', '/usr/share/keyrings']);
    writeFileSync('/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg', 'not read before an import reaches the source');
    installMaasWrapper(join(place, 'bin'), path);
    // The one filter of the articles.
    writeFileSync(join(place, 'bin', 'jq'), `#!/bin/sh\nexec "${process.execPath}" -e '${JQ}'\n`, { mode: 0o755 });
    home = join(place, 'home');
    mkdirSync(home);
    environment = { ...process.env, PATH: path, XDG_CONFIG_HOME: home, HOME: home };
    execFileSync('rackboot', ['init', '--interface', 'eth0', '--yes'], { env: environment, stdio: 'pipe' });
    makeStandInImage(join(stateDir, 'boot'));
    rack = await DaemonProcess.start({ config: configFile, onLine: (line) => void lines.push(line) });
    await eventuallyWithin(SHELL_MS_MAX, 'the region is up', () => lines.some(({ event }) => event === 'region.up'));
  });
  after(async () => {
    await rack?.stop();
    removeOwnMounts(place);
  });

  test('one port has the region and the boot files, at the address of the network and at loopback', async () => {
    for (const host of ['127.0.0.1', '192.168.127.100']) {
      assert.equal((await askPort80(host, '/MAAS/api/1.0/version/')).status, 200, host);
      const page = await askPort80(host, '/MAAS/', { headers: { accept: 'text/html' } });
      assert.deepEqual([page.status, page.headers.get('location')], [303, '/MAAS/login/'], host);
      const script = await (await askPort80(host, '/ipxe.cfg')).text();
      assert.match(script, /^#!ipxe/, host);
    }
    const up = lines.find(({ event }) => event === 'region.up');
    assert.equal(up?.page, 'http://192.168.127.100:5240/MAAS/');
  });

  describe('MAAS and Juju on one host', () => {
    test('an administrator is made, logs in with the key, and imports images', async () => {
      const make = 'sudo maas-region-admin createadmin --username=root --email=admin@example.jp --password=ubuntu';
      assert.match(await shell(`${make} 2>&1`), /has fewer than 8 characters .*rackboot(?:\.js)? password .*root$/m);
      const body = new URLSearchParams({ username: 'root', password: 'ubuntu' });
      const login = await fetch('http://127.0.0.1/MAAS/accounts/authenticate/', { method: 'POST', body });
      assert.equal(login.status, 200, await login.text());
      const said = await shell(`APIKEY=\`sudo maas-region-admin apikey --username root\`
maas login root http://127.0.0.1/MAAS/api/1.0 \${APIKEY}
maas root node-groups import-boot-images`);
      assert.match(said, /You are logged in to http:\S+\/MAAS\/api\/1\.0\/.*the profile is called root/);
      assert.match(said, /Import of boot resources started/);
    });
  });

  describe('MAAS 2.9 as a snap', () => {
    const SOURCE = `[{
    "created": "2021-05-02T11:12:58.620", "updated": "2021-05-02T11:12:58.620",
    "url": "http://images.maas.io/ephemeral-v3/stable/",
    "keyring_filename": "/snap/maas/current/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg",
    "keyring_data": "", "id": 1, "resource_uri": "/MAAS/api/2.0/boot-sources/1/" }]`;
    const SELECTION = `{
    "os": "ubuntu", "release": "focal", "arches": ["amd64"], "subarches": ["*"], "labels": ["*"],
    "id": 1, "boot_source_id": 1, "resource_uri": "/MAAS/api/2.0/boot-sources/1/selections/1/" }`;

    test('the configuration and the state are those of this host', async () => {
      const shown = await shell('sudo maas config 2>&1');
      assert.match(shown, /^KEY +VALUE +OWNER$/m);
      assert.match(shown, new RegExp(`^state_dir +${stateDir} `, 'm'));
      assert.match(
        await shell('sudo maas status 2>&1 || true'),
        /^HTTP +192\.168\.127\.100:5248, 127\.0\.0\.1:80, 192\.168\.127\.100:80$/m,
      );
    });

    test('a login takes the key from a file', async () => {
      const said = await shell(
        'sudo maas apikey --username=root > api-key-file\nmaas login admin http://localhost:5240/MAAS < api-key-file',
      );
      assert.match(said, /You are logged in to http:\S+\/MAAS\/api\/2\.0\/ as root; the profile is called admin/);
    });

    test('sources and selections are created and read', async () => {
      const url = 'url=https://images.maas.io/ephemeral-v3/stable/';
      const keyring = 'keyring_filename=/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg';
      const { id } = await answers(`maas admin boot-sources create ${url} ${keyring}`, SOURCE.slice(1, -1));
      await answers('maas admin boot-sources read', SOURCE);
      const create = `maas admin boot-source-selections create ${id} os="ubuntu"`;
      const made = await answers(`${create} release="bionic" arches="amd64" labels="*"`, SELECTION);
      assert.deepEqual([made.release, made.arches, made.subarches, made.labels], ['bionic', ['amd64'], ['*'], ['*']]);
      const listed = await answers(`maas admin boot-source-selections read ${id}`, `[${SELECTION}]`);
      assert.equal(listed[0].resource_uri, `/MAAS/api/2.0/boot-sources/${id}/selections/${made.id}/`);
    });

    test('images are imported, listed and deleted', async () => {
      assert.match(await shell('maas admin boot-resources import'), /started/);
      const listed = await shell(`maas admin boot-resources read | jq -r '.[] | "\\(.id)\\t\\(.architecture)"'`);
      const [, id] = /^(\d+)\tamd64\/generic\n$/.exec(listed) ?? [];
      assert.ok(id !== undefined, listed);
      assert.equal(await shell(`maas admin boot-resource delete ${id}`), '');
      await assert.rejects(shell('maas admin boot-resource delete 29'), /29/);
    });
  });

  describe('MAAS 1.7 by its command line', () => {
    const SOURCE = `[{
    "url": "http://maas.ubuntu.com/images/ephemeral-v2/releases/", "keyring_data": "",
    "resource_uri": "/MAAS/api/1.0/boot-sources/1/",
    "keyring_filename": "/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg", "id": 1 }]`;
    const SELECTION = `{
    "labels": ["*"], "arches": ["amd64"], "subarches": ["*"], "release": "precise", "os": "ubuntu", "id": 2,
    "resource_uri": "/MAAS/api/1.0/boot-sources/1/selections/2/" }`;
    const SHOWN_NETWORK = {
      dns_servers: null,
      name: '',
      default_gateway: null,
      ip: '192.168.127.0',
      netmask: '255.255.255.0',
      vlan_tag: null,
      resource_uri: '',
      description: '',
    };
    const UPDATED = {
      ip_range_high: '192.168.127.140',
      ip_range_low: '192.168.127.121',
      broadcast_ip: '192.168.127.255',
      static_ip_range_low: '192.168.127.221',
      name: 'eth0',
      ip: '192.168.127.100',
      subnet_mask: '255.255.255.0',
      management: 2,
      static_ip_range_high: '192.168.127.240',
      interface: 'eth0',
    };

    before(async () => {
      await shell('maas login ann http://127.0.0.1/MAAS/api/1.0 $(sudo maas-region-admin apikey --username=root)');
    });

    test('sources and selections have the fields of 1.7, and a release is added', async () => {
      await shell('maas ann boot-resources import');
      const [{ id }] = await answers('maas ann boot-sources read', SOURCE);
      const line = `maas ann boot-source-selections create ${id} os="ubuntu" release="precise" arches="amd64" subarches="*" labels= "*"`;
      const made = await answers(line, SELECTION);
      assert.deepEqual([made.release, made.labels], ['precise', ['*']]);
      await answers(`maas ann boot-source-selections read ${id}`, `[${SELECTION}]`);
    });

    test('a cluster interface is set up as the article shows it, value by value', async () => {
      const value = await shell(`uuid=$(maas ann node-groups list | grep uuid | cut -d\\" -f4)
maas ann node-group-interface update $uuid eth0 ip_range_low=192.168.127.121 ip_range_high=192.168.127.140 static_ip_range_low=192.168.127.221 static_ip_range_high=192.168.127.240 management=2 subnet_mask=255.255.255.0 router_ip=192.168.127.254 broadcast_ip=192.168.127.255`);
      assert.deepEqual(JSON.parse(value), UPDATED);
      assert.deepEqual(value.match(/^ {4}"\w+": .*$/gm)?.length, Object.keys(UPDATED).length, 'one key a line');
      const uuid = /"uuid": "([^"]+)"/.exec(await shell('maas ann node-groups list'))?.[1] ?? assert.fail();
      await answers(`maas ann node-group-interfaces list ${uuid}`, `[${JSON.stringify(UPDATED)}]`);
    });

    test('the network of a cluster interface is listed', async () => {
      const list: readonly Record<string, unknown>[] = JSON.parse(await shell('maas ann networks read'));
      const network = list.find(({ ip }) => ip === '192.168.127.0');
      // The article's network has no router; this one has that of its cluster interface.
      assert.deepEqual(
        { ...network, default_gateway: null, name: '', resource_uri: '', description: '' },
        SHOWN_NETWORK,
      );
      assert.equal(network?.default_gateway, '192.168.127.254');
      assert.equal(network?.resource_uri, `/MAAS/api/1.0/networks/${network?.name}/`);
      assert.equal(typeof network?.description, 'string');
    });
  });
});
