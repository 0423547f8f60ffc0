// Debian's cloud-init reads the metadata service of a rack that runs. A machine is deployed by an installer; its answers are fetched from
// where the machine is, by the address on its kernel line; the late command that is in them runs over a root of its own, and then
// cloud-init does in that root, as at the first start of an installed system.
//
// The root is the host's own file system with a layer in memory over it, seen by this process's children only: with cloud-init and what
// it needs, unpacked from their packages, with the settings of an image that `images make-debian` makes, and with a /dev that has no disk
// in it. Nothing of it is left.
// @host alone

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachePlace } from '../../bin/cache-place.js';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { Apt } from '../../src/images/build/apt.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(35);
const RACK = `http://${PLACE.octets}.1:${PLACE.httpPort}`;
const MS_MAX = 120_000;
/** The packages that cloud-init of Debian 12 needs beyond the interpreter, on a host that has none of them. */
const PACKAGES = [
  'cloud-init',
  'python3.11-minimal',
  'libpython3.11-minimal',
  'libpython3.11-stdlib',
  'libexpat1',
  'python3-configobj',
  'python3-jinja2',
  'python3-markupsafe',
  'python3-jsonpatch',
  'python3-json-pointer',
  'python3-jsonschema',
  'python3-attr',
  'python3-pyrsistent',
  'python3-oauthlib',
  'python3-requests',
  'python3-urllib3',
  'python3-chardet',
  'python3-idna',
  'python3-certifi',
  'python3-serial',
  'python3-yaml',
  'python3-six',
  'python3-netifaces',
  'python3-pkg-resources',
  'python3-distutils',
  'python3-lib2to3',
] as const;
const CACHE = join(cachePlace(), 'rackboot-lab', 'cloud-init');
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsgk4Gb4zaO6kVZZYeCYFAMtPVJ2RnPsXiXStJvWiT2 owner@example';
const USER_DATA = `#cloud-config
write_files:
  - { path: /etc/from-user-data, content: "written\\n" }
runcmd:
  - [sh, -c, "hostname >/etc/name-at-first-start"]
`;

/** cloud-init does only what changes files and the name of this namespace: it must reach neither disks nor interfaces of the host. */
const CONFIG = `network: { config: disabled }
ssh_genkeytypes: [ed25519]
cloud_init_modules: [write-files, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user, final-message]
`;

/** The settings of an image that `images make-debian` makes: cloud-init checks the user data together with them. */
const IMAGE_CONFIG = /^ {2}put \/etc\/cloud\/cloud\.cfg\.d\/10_image\.cfg <<EOF\n(.*?)^EOF$/ms;
/** The user data that the documents show. */
const DOCUMENTED = /^```text\n(#cloud-config\n.*?)^```$/gms;
const ROOT = join(import.meta.dirname, '..', '..');

/** Runs as process 1 of its namespaces: $1 a directory, $2 the packages. */
const SCRIPT = `set -e
directory=$1; packages=$2; target=$directory/root
mount -t tmpfs layer "$directory/layer"
mkdir "$directory/layer/upper" "$directory/layer/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$directory/layer/upper,workdir=$directory/layer/work" "$target"
for package in "$packages"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$target" --keep-directory-symlink; done
mount -t proc proc "$target/proc"
for place in dev run tmp sys; do mount -t tmpfs "$place" "$target/$place"; done
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$target/dev/\${node%:*}" c 1 "\${node#*:}"; done
ln -sf /proc/self/fd "$target/dev/fd"
rm -rf "$target"/var/lib/cloud "$target"/etc/cloud/cloud.cfg.d/*rackboot* "$target"/home/debian
hostname before
inside() { setpriv --bounding-set=-net_admin,-net_raw,-sys_boot,-sys_time,-sys_module,-sys_rawio,-mknod chroot "$target" "$@"; }
in_target() { inside "$@"; }
# The installer makes the user.
inside /usr/sbin/userdel -f debian 2>/dev/null || true
inside /usr/sbin/useradd -m -s /bin/sh debian
. "$directory/late-command"
echo "--- the installer's part is done"
cp "$directory/test.cfg" "$target/etc/cloud/cloud.cfg.d/99_zz_test.cfg"
cp "$directory/image.cfg" "$target/etc/cloud/cloud.cfg.d/10_image.cfg"
cloud_init() { inside /usr/bin/python3.11 -c 'import sys; from cloudinit.cmd.main import main; sys.exit(main())' "$@"; }
inside /bin/sh /usr/lib/cloud-init/ds-identify --force || true
cat "$target/run/cloud-init/cloud.cfg" >"$directory/identified"
cloud_init init
cloud_init modules --mode=config
cloud_init modules --mode=final
result() { cat "$target/$2" >"$directory/$1" 2>/dev/null || echo missing >"$directory/$1"; }
hostname >"$directory/hostname"
result keys home/debian/.ssh/authorized_keys
result written etc/from-user-data
result ran etc/name-at-first-start
result source run/cloud-init/instance-data.json
result log var/log/cloud-init.log
cp "$directory"/documented-*.yaml "$target/tmp/"
for file in "$target"/tmp/documented-*.yaml; do cloud_init schema --config-file "/tmp/\${file##*/}"; done >"$directory/schema" 2>&1 || true
`;

const NEEDS = ['linux', 'root', 'apt-get', 'dpkg-deb', 'debian-mirror', 'mount', 'unshare', 'setpriv', 'wget'] as const;

describe("Debian's cloud-init", { skip: missing(...NEEDS) }, () => {
  let rack: RunningRack;
  let scratch = '';
  let hostname = '';
  let address = '';
  let preseedUrl = '';
  /** The parts of the machine's key, each with the word that stands for it. */
  let key = new Map<string, string>();

  before(
    async () => {
      scratch = mkdtempSync(join(tmpdir(), 'rackboot-cloud-init-'));
      const apt = await Apt.open({
        architecture: 'amd64',
        release: 'bookworm',
        directory: CACHE,
        onProgress: () => undefined,
      });
      await apt.download(PACKAGES);
      rack = new RunningRack(PLACE);
      const install = join(rack.tree, 'amd64/generic/bookworm/install');
      mkdirSync(install, { recursive: true });
      for (const name of ['linux', 'initrd.gz']) writeFileSync(join(install, name), name);
      await rack.startWhole();
      assert.equal((await bootSimulatedMachine(PLACE, 0, () => undefined)).kind, 'enlisted');
    },
    { timeout: MS_MAX },
  );
  after(async () => {
    await rack?.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const run = async (...words: readonly string[]): Promise<string> => {
    const output = await rack.well(...words);
    return output;
  };

  const post = (path: string, fields: Readonly<Record<string, string>>): Promise<unknown> =>
    askDaemon(rack.stateDir, `/MAAS/api/2.0/${path}`, 'POST', new URLSearchParams(fields).toString());

  const theMachine = async () => {
    const [machine] = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
    return machine ?? assert.fail('no machine');
  };

  /** As the machine asks, from its own address. */
  const fetchText = (url: string, localAddress = address, headers = {}): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const asking = request(url, { localAddress, headers, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      asking.on('error', reject);
      asking.end();
    });

  test('the machine learns that it must install, and the URL of its answers', async () => {
    const machine = await theMachine();
    hostname = machine.hostname;
    const userDataFile = join(scratch, 'user-data');
    writeFileSync(userDataFile, USER_DATA);
    await post(`machines/${machine.system_id}/?op=accept`, { skip_commissioning: 'true' });
    await post('account/prefs/sshkeys/', { key: KEY });
    const deploy = ['machines', 'deploy', hostname, 'bookworm', '--by', 'installer', '--user-data', userDataFile];
    assert.match(await run(...deploy), /is Deploying now/);
    // Its loader asks at the address of its lease, and so does its installer.
    address = machine.ip_addresses[0] ?? assert.fail('no address');
    const asked = `${RACK}/pxelinux.cfg/01-${formatMac(simulatedHardware(0).mac, '-')}`;
    // The rack hears of the decision a moment after the region answered the person.
    const line = await eventually(
      'the answers on the kernel command line',
      async () => / url=\S+/.exec(/^ *APPEND (.*)$/m.exec((await fetchText(asked)).text)?.[1] ?? '')?.input,
      10_000,
    );
    preseedUrl = / url=(\S+)/.exec(line)?.[1] ?? assert.fail(line);
    assert.match(preseedUrl, /\?boot=[\w-]{32}&op=get_preseed$/);
    assert.doesNotMatch(line, /rackboot_token/);
    const elsewhere = await fetchText(asked, `${PLACE.octets}.77`);
    assert.doesNotMatch(elsewhere.text, /boot=[\w-]{32}/);
    assert.equal((await fetchText(preseedUrl, `${PLACE.octets}.77`)).status, 403);
  });

  test('cloud-init finds name, keys and user data that the late command leaves', async () => {
    const { status, text } = await fetchText(preseedUrl);
    assert.equal(status, 200, text);
    key = new Map(
      ['consumer_key', 'token_key', 'token_secret'].map((name) => [
        new RegExp(`"${name}": "(\\w+)"`).exec(text)?.[1] ?? assert.fail(name),
        name.toUpperCase().replace('_', '-'),
      ]),
    );
    const masked = [...key].reduce((all, [secret, word]) => all.replaceAll(secret, word), text);
    assert.deepEqual(
      await run('preseed', 'render', hostname),
      masked
        .split('\n')
        .filter((line) => line !== '')
        .join('\n'),
    );
    const command = text
      .replace(/\\\n/g, '')
      .split('\n')
      .find((line) => line.startsWith('d-i preseed/late_command string '));
    const script = (command ?? assert.fail(text))
      .replace('d-i preseed/late_command string ', '')
      .replaceAll('/target', '$target')
      .replaceAll('in-target ', 'in_target ');
    for (const name of ['layer', 'root']) mkdirSync(join(scratch, name));
    writeFileSync(join(scratch, 'late-command'), `poweroff() { exit 9; }\n${script}\n`);
    writeFileSync(join(scratch, 'test.cfg'), CONFIG);
    writeFileSync(join(scratch, 'script'), SCRIPT);
    const customise = readFileSync(join(ROOT, 'src', 'images', 'build', 'debian', 'customise.sh'), 'utf8');
    writeFileSync(
      join(scratch, 'image.cfg'),
      IMAGE_CONFIG.exec(customise)?.[1] ?? assert.fail('no settings of an image'),
    );
    const documents = readFileSync(join(ROOT, 'docs', 'first-machine.md'), 'utf8');
    const documented = [...documents.matchAll(DOCUMENTED)].map(([, text = '']) => text);
    assert.ok(documented.length >= 2);
    for (const [index, text] of documented.entries()) writeFileSync(join(scratch, `documented-${index}.yaml`), text);
    const confined = ['setpriv', '--bounding-set=-net_admin,-net_raw,-sys_boot,-sys_time,-sys_module,-sys_rawio'];
    const spaces = [
      'unshare',
      '--mount',
      '--uts',
      '--pid',
      '--ipc',
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
    ];
    const [program = '', ...args] = [...spaces, ...confined, 'sh', join(scratch, 'script'), scratch, CACHE];
    const ended = await execute(program, args);
    const log = (): string => `${ended.output.slice(-3000)}\n${result('log').slice(-4000)}`;
    assert.equal(ended.code, 0, log());
    const warned = result('log').match(/^.*(?:Invalid|Deprecated) cloud-config.*$/gm) ?? [];
    assert.deepEqual(warned, [], 'nothing about it on the console');
    const valid = documented.map((_, index) => `Valid cloud-config: /tmp/documented-${index}.yaml\n`);
    assert.equal(result('schema'), valid.join(''), log());
    assert.match(
      result('identified'),
      /^datasource_list: \[ MAAS(?:, None)? \]$/m,
      'ds-identify finds the data source',
    );
    assert.equal(result('hostname'), `${hostname}\n`, log());
    assert.match(result('source'), /"cloud_name": "maas"/);
    assert.ok(result('keys').includes(KEY), log());
    assert.equal(result('written'), 'written\n', log());
    assert.equal(result('ran'), `${hostname}\n`, log());
  });

  test('its report makes the machine Deployed, and its key reads nothing after the release', async () => {
    const machine = await theMachine();
    assert.equal(machine.status_name, 'Deployed');
    const secret = /boot=([\w-]+)/.exec(preseedUrl)?.[1] ?? assert.fail(preseedUrl);
    const reported = JSON.stringify([rack.lines, await rack.ask('/MAAS/api/2.0/events/?op=query&limit=1000')]);
    for (const hidden of [secret, ...key.keys()])
      assert.ok(!reported.includes(hidden), 'no log and no event holds a secret');
    assert.equal((await fetchText(preseedUrl)).status, 403);
    const authorization = authorizationOf([...key.keys()].join(':'));
    const documents = `${RACK}/MAAS//metadata//latest///meta-data//instance-id`;
    const own = await fetchText(documents, address, { authorization });
    assert.deepEqual([own.status, own.text], [200, machine.system_id]);
    await post(`machines/${machine.system_id}/?op=release`, {});
    assert.equal((await theMachine()).status_name, 'Ready');
    assert.equal((await fetchText(documents, address, { authorization })).status, 401);
  });

  const result = (name: string): string => readFileSync(join(scratch, name), 'utf8');
});

/** Runs a program to its end. */
function execute(
  program: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: MS_MAX });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}
