// The Debian that `images make-debian` makes is deployed by the real environment and started from its disk by real firmware: by BIOS and by
// UEFI, and on arm64. Its owner logs in at the static address, and nothing of it has failed.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/clock.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { ended, endProgram } from '../support/child.ts';
import { cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { freePort } from '../support/free-port.ts';
import { JobRack } from '../support/job-rack.ts';
import { missing, type Need } from '../support/needs.ts';

interface Platform {
  readonly name: string;
  readonly arch: 'amd64' | 'arm64';
  readonly program: string;
  /** How it starts from its disk. */
  readonly firmware: readonly string[];
  /** Its firmware's code and variables; undefined: QEMU's BIOS. */
  readonly flash?: readonly [code: string, variables: string];
  readonly console: string;
  readonly needs: readonly Need[];
}

const PLATFORMS: readonly Platform[] = [
  {
    ...{ name: 'BIOS', arch: 'amd64', program: 'qemu-system-x86_64', console: 'ttyS0' },
    firmware: ['-machine', 'pc,graphics=off'],
    needs: ['qemu-system-x86_64'],
  },
  {
    ...{ name: 'UEFI', arch: 'amd64', program: 'qemu-system-x86_64', console: 'ttyS0' },
    firmware: ['-machine', 'q35'],
    flash: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
    needs: ['qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd'],
  },
  {
    ...{ name: 'UEFI on arm64', arch: 'arm64', program: 'qemu-system-aarch64', console: 'ttyAMA0' },
    firmware: ['-machine', 'virt', '-cpu', 'cortex-a57'],
    flash: ['/usr/share/AAVMF/AAVMF_CODE.fd', '/usr/share/AAVMF/AAVMF_VARS.fd'],
    needs: ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'],
  },
];

const MAC = '52:54:00:aa:00:41';
const ADDRESS = '10.0.2.77';
const DISK_BYTES = 4 * 1024 ** 3;
const TEST_MS_MAX = 1_700_000;
const RUN_MS_MAX = 600_000;
const LOOK_EVERY_MS = 2000;
const SHOWN = 3000;

for (const platform of PLATFORMS) {
  const skip = missing(...DEBIAN_IMAGE_NEEDS, ...platform.needs, 'ssh') || cannotBuild(platform.arch);
  describe(`Debian, deployed and started by ${platform.name}`, { skip }, () => {
    let scratch = '';
    let disk = '';
    let key = '';
    let machine: ChildProcess | undefined;
    before(() => {
      scratch = mkdtempSync(join(tmpdir(), 'rackboot-deploy-'));
      disk = join(scratch, 'disk');
      key = join(scratch, 'key');
    });
    after(async () => {
      if (machine !== undefined) await endProgram(machine, 'SIGKILL');
      rmSync(scratch, { recursive: true, force: true });
    });

    function start(console: string, network: string, firmware: readonly string[]): ChildProcess {
      const args = [
        ...firmware,
        ...['-accel', 'tcg,thread=single', '-smp', '2', '-m', '1024', '-nodefaults', '-display', 'none'],
        ...['-monitor', 'none', '-no-reboot', '-serial', `file:${console}`, '-device', 'virtio-rng-pci'],
        ...['-netdev', network, '-device', `virtio-net-pci,netdev=n0,mac=${MAC},romfile=`],
        ...['-drive', `file=${disk},format=raw,if=none,id=d0`, '-device', 'virtio-blk-pci,drive=d0,bootindex=1'],
      ];
      return spawn(platform.program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    }

    test('has its name, its address, its owner and the whole disk', { timeout: TEST_MS_MAX }, async (t) => {
      const image = await cachedDebianImage((text) => t.diagnostic(text), platform.arch);
      const tree = await cachedBootTree(() => undefined, platform.arch);
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      writeFileSync(disk, '');
      truncateSync(disk, DISK_BYTES);
      const rack = new JobRack(tree);
      await rack.listen();
      try {
        await deploy(rack, image, tree, t);
      } finally {
        rack.close();
      }
      const port = await freePort();
      const serial = join(scratch, 'start');
      const began = process.uptime();
      machine = start(serial, `user,id=n0,hostfwd=tcp:127.0.0.1:${port}-${ADDRESS}:22`, [
        ...platform.firmware,
        ...flashOf(),
      ]);
      const login = (command: string) => logIn(port, command);
      while (login('true').status !== 0) {
        if (process.uptime() - began > RUN_MS_MAX / 1000) assert.fail(readFileSync(serial, 'latin1').slice(-SHOWN));
        await sleep(LOOK_EVERY_MS);
      }
      t.diagnostic(`from the start of the disk to a login: ${Math.round(process.uptime() - began)} s`);
      const look = (command: string): string => login(command).stdout.trim();
      look('sudo systemctl is-system-running --wait');
      assert.equal(look('systemctl --failed --no-legend'), '', 'no unit has failed');
      assert.equal(look('hostname --fqdn'), 'calm-ibis.maas');
      assert.match(look('ip -4 -o address show scope global'), new RegExp(`inet ${ADDRESS}/24`));
      assert.match(look('ip -4 route show default'), /default via 10\.0\.2\.2 .*static/);
      assert.match(look('resolvectl dns'), /10\.0\.2\.3/);
      assert.match(look('cat /etc/machine-id'), /^[0-9a-f]{32}$/);
      assert.ok(Number(look('df --block-size=1M --output=size / | tail -1')) > 3600, 'the root has grown');
      assert.match(look('cat /etc/apt/apt.conf.d/90rackboot-proxy'), /10\.0\.2\.9:8000/);
      assert.equal(look('sudo cat /etc/cloud/cloud.cfg.d/90_rackboot.cfg'), 'datasource_list: [ None ]');
      assert.equal(look('sudo stat -c %a /etc/cloud/cloud.cfg.d/90_rackboot.cfg'), '600');
      assert.equal(look('test -d /sys/firmware/efi && echo yes'), platform.flash === undefined ? '' : 'yes');
      assert.match(look('sudo passwd --status root'), /^root L/, 'nobody logs in by a password');
    });

    async function deploy(
      rack: JobRack,
      image: Awaited<ReturnType<typeof cachedDebianImage>>,
      tree: string,
      t: { diagnostic(text: string): void },
    ): Promise<void> {
      rack.open.set('/images/it', { file: image.path });
      const own = (name: string): string => `/MAAS/rackboot/1/${name}`;
      rack.secret.set(own('ssh-keys'), readFileSync(`${key}.pub`, 'utf8'));
      rack.secret.set(own('cloud-config'), 'datasource_list: [ None ]\n');
      rack.give({
        ...{ job: 'deploy', hostname: 'calm-ibis', domain: 'maas', proxy: 'http://10.0.2.9:8000/' },
        ...{ image_url: '/images/it', image_sha256: image.sha256, image_bytes: image.bytes },
        ...{ image_disk_bytes: image.diskBytes, image_format: image.format },
        ...{ ssh_keys_url: own('ssh-keys'), cloud_config_url: own('cloud-config') },
        ...{ address: `${ADDRESS}/24`, router: '10.0.2.2', dns: '10.0.2.3' },
      });
      const place = join(tree, platform.arch, 'generic/bookworm/commissioning');
      const line = `rackboot=commissioning rackboot_url=http://10.0.2.2:${rack.port}/MAAS rackboot_token=${rack.token}`;
      const words = `${line} BOOTIF=01-${MAC.replaceAll(':', '-')} console=${platform.console},115200`;
      const serial = join(scratch, 'deploy');
      const began = process.uptime();
      const direct = ['-kernel', join(place, 'linux'), '-initrd', join(place, 'initrd.gz'), '-append', words];
      machine = start(serial, 'user,id=n0', [...platform.firmware, ...direct]);
      const late = AbortSignal.timeout(RUN_MS_MAX);
      late.addEventListener('abort', () => machine?.kill('SIGKILL'));
      const code = await ended(machine);
      const last = rack.signals.at(-1);
      const shown = readFileSync(serial, 'latin1').slice(-SHOWN);
      assert.deepEqual([code, last?.status, last?.stage], [0, 'OK', 'written'], `${last?.message}\n${shown}`);
      t.diagnostic(`deployed in ${Math.round(process.uptime() - began)} s`);
    }

    function flashOf(): readonly string[] {
      if (platform.flash === undefined) return [];
      const [code, variables] = platform.flash;
      const own = join(scratch, 'variables');
      copyFileSync(variables, own);
      const drive = (unit: number, file: string, more: string): readonly string[] => [
        '-drive',
        `if=pflash,unit=${unit},format=raw,file=${file}${more}`,
      ];
      return [...drive(0, code, ',readonly=on'), ...drive(1, own, '')];
    }

    function logIn(port: number, command: string): { readonly status: number | null; readonly stdout: string } {
      const options = [
        'BatchMode=yes',
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'ConnectTimeout=10',
      ];
      const words = [...options, 'LogLevel=ERROR', 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option]);
      const args = ['-i', key, '-p', String(port), ...words, 'debian@127.0.0.1', command];
      return spawnSync('ssh', args, { encoding: 'utf8', timeout: 120_000 });
    }
  });
}

/** Why packages of an architecture cannot be set up on this host; false: they can. */
function cannotBuild(arch: Platform['arch']): string | false {
  if (arch === 'amd64' || existsSync('/proc/sys/fs/binfmt_misc/qemu-aarch64')) return false;
  return 'needs programs of arm64 to run here (apt-get install qemu-user-static binfmt-support arch-test)';
}
