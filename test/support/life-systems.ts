// The systems that are deployed in the life of a machine: a Debian, in which its owner logs in, and a small one that boots within a second.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CachedImage, cachedDebianImage, DEBIAN_IMAGE_NEEDS, type ImageCpu } from './debian-image.ts';
import { ext4Bytes, ext4File } from './ext4-disk.ts';
import type { Need } from './needs.ts';
import { authorizationOf } from './oauth.ts';
import { BOOT_TEXT, makeSmallImage } from './small-image.ts';
import type { LifeRig, Said } from './whole-life.ts';

/** A machine that was deployed with it. */
export interface DeployedMachine {
  readonly life: LifeRig;
  readonly fqdn: string;
  readonly address: string;
  readonly diskBytes: number;
  /** The secret half of its owner's key; the path of the public half ends in `.pub`. */
  readonly owner: string;
  /** The longest that a step may take, in milliseconds. */
  readonly stepMs: number;
}

/** The image, with the name under which it is added. */
export type LifeImage = Pick<CachedImage, 'path' | 'os' | 'release' | 'architecture'>;

export interface LifeSystem {
  readonly needs: readonly Need[];
  /** False: it may be written before the first report of progress. */
  readonly takesLong: boolean;
  image(life: LifeRig, architecture: ImageCpu): Promise<LifeImage>;
  /** Reports its first start to the region, if nothing in it does. */
  report(machine: DeployedMachine): Promise<void>;
  /** Asserts that the disk has the system, with its own identity. @returns the file in which cloud-init finds the region */
  check(machine: DeployedMachine): Promise<string>;
  /** Restarts it, and waits until it runs from its own disk again. */
  restart(machine: DeployedMachine): Promise<void>;
}

const LOGIN_MS_MAX = 240_000;
/** The exit status of ssh when it ran no command: no host answered, or the login was refused. */
const NO_SESSION = 255;
/** The user who logs in to the Debian. */
const USER = 'debian';
/** Prints the file that its owner's user data writes, as soon as it exists. */
const WRITTEN_BY_OWNER = 'timeout 30 sh -c "until [ -s /etc/told ]; do sleep 1; done"; cat /etc/told';
export const USER_DATA = '#cloud-config\nwrite_files: [{ path: /etc/told, content: "by its owner" }]\n';
const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id';
const CLOUD_CONFIG = '/etc/cloud/cloud.cfg.d/90_rackboot.cfg';
const SMALL_MIB = 64;
/** Of a disk, what the system's file system has at least. */
const GROWN_SHARE = 0.85;

/** Debian with cloud-init and SSH. */
export const DEBIAN_SYSTEM: LifeSystem = {
  needs: DEBIAN_IMAGE_NEEDS,
  takesLong: true,
  image: (_life, architecture) => cachedDebianImage(undefined, architecture),

  report: () => Promise.resolve(),

  async check(machine) {
    const { life, fqdn, address, diskBytes } = machine;
    await run(machine, 'true');
    // Each login takes seconds of a processor of an emulated machine.
    const said = await run(machine, 'hostname; ip -4 -o address; df -B1 --output=size / | tail -n 1');
    const [name, ...lines] = said.split('\n');
    assert.equal(name, fqdn.split('.')[0]);
    assert.match(said, new RegExp(` ${address.replaceAll('.', '\\.')}/24 `));
    const bytes = Number(lines.at(-1));
    assert.ok(bytes > GROWN_SHARE * diskBytes, `its root has the whole disk: ${bytes}`);
    await life.patiently('cloud-init has done as its owner says', LOGIN_MS_MAX, async () =>
      (await run(machine, WRITTEN_BY_OWNER)) === 'by its owner' ? true : undefined,
    );
    const key = life.makeKey('stranger');
    const stranger = await life.patiently('a stranger is told something', LOGIN_MS_MAX, () => {
      const answer = life.ssh(key, `${USER}@${fqdn}`, 'true');
      const isReported = answer.code !== NO_SESSION || answer.out.includes('Permission denied');
      return Promise.resolve(isReported ? answer : undefined);
    });
    assert.match(stranger.out, /Permission denied/);
    return run(machine, `sudo cat ${CLOUD_CONFIG}`);
  },

  async restart(machine) {
    const { life, fqdn, owner, stepMs } = machine;
    const before = await run(machine, BOOT_ID);
    life.lines.length = 0;
    // A moment later: a session that the restart ends does not show whether the command arrived.
    await run(machine, 'sudo systemd-run --quiet --on-active=1 systemctl reboot');
    await life.patiently('it has restarted', stepMs, () => {
      const { code, out } = life.ssh(owner, `${USER}@${fqdn}`, BOOT_ID);
      return Promise.resolve(code === 0 && out !== before ? true : undefined);
    });
  },
};

/** A boot sector that prints a line, and a file system with a few files. */
export const SMALL_SYSTEM: LifeSystem = {
  needs: ['mkfs.ext4', 'sfdisk', 'debugfs', 'dumpe2fs'],
  takesLong: false,
  image: (life) => {
    const path = join(life.directory, 'small.img.zst');
    writeFileSync(path, makeSmallImage(SMALL_MIB));
    return Promise.resolve({ path, os: 'tiny', release: 'one', architecture: 'amd64' });
  },

  async report({ life, stepMs }) {
    await hasBooted(life, 1, stepMs);
    assert.equal(life.within('curl', ...reportOf(readFile(life, CLOUD_CONFIG))).out, '204');
  },

  check({ life, fqdn, diskBytes, owner }) {
    const read = (path: string): string => readFile(life, path);
    assert.equal(read('/etc/hostname').trim(), fqdn.split('.')[0]);
    const key = execFileSync('ssh-keygen', ['-y', '-f', owner], { encoding: 'utf8' }).trim();
    assert.ok(read('/home/owner/.ssh/authorized_keys').startsWith(key));
    const bytes = ext4Bytes(life.power.machine.diskPath, life.partitions()[0]);
    assert.ok(bytes > GROWN_SHARE * diskBytes, `its root has the whole disk: ${bytes}`);
    return Promise.resolve(read(CLOUD_CONFIG));
  },

  async restart({ life, stepMs }) {
    const starts = startsOf(life);
    life.lines.length = 0;
    life.power.reset();
    await hasBooted(life, starts + 1, stepMs);
  },
};

/** A file on its disk. */
const readFile = (life: LifeRig, path: string): string =>
  ext4File(life.power.machine.diskPath, path, life.partitions()[0]);

/** The value of a name in the file in which cloud-init finds the region. */
const valueIn = (file: string, name: string): string =>
  new RegExp(`"?${name}"?: *["']?([^"',\\s}]+)`).exec(file)?.[1] ?? assert.fail(`no ${name} in its file`);

/** curl's arguments for a request with a system's key, which prints the status. @param file in which cloud-init finds the region */
function requestOf(file: string, ...more: readonly string[]): readonly string[] {
  const key = ['consumer_key', 'token_key', 'token_secret'].map((name) => valueIn(file, name)).join(':');
  return ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Authorization: ${authorizationOf(key)}`, ...more];
}

/** A system's question for its own name. */
export const questionOf = (file: string): readonly string[] =>
  requestOf(file, `${valueIn(file, 'metadata_url')}latest/meta-data/local-hostname`);

/** cloud-init's report that its last stage has ended. */
function reportOf(file: string): readonly string[] {
  const stage = {
    name: 'modules-final',
    event_type: 'finish',
    result: 'SUCCESS',
    origin: 'cloudinit',
    description: '',
  };
  return requestOf(file, '--json', JSON.stringify(stage), valueIn(file, 'endpoint'));
}

/** Starts from its own disk since it was last switched on. */
const startsOf = (life: LifeRig): number => life.power.console().split(BOOT_TEXT).length - 1;

async function hasBooted(life: LifeRig, times: number, limitMs: number): Promise<void> {
  await life.patiently('it starts from its own disk', limitMs, () =>
    Promise.resolve(startsOf(life) >= times ? true : undefined),
  );
}

/** Runs a command as its owner, once logging in works: a starting system also restarts its SSH server. @returns the output */
async function run({ life, fqdn, owner }: DeployedMachine, command: string): Promise<string> {
  let last: Said | undefined;
  const look = (): Promise<string | undefined> => {
    last = life.ssh(owner, `${USER}@${fqdn}`, command);
    return Promise.resolve(last.code === NO_SESSION ? undefined : last.out);
  };
  return life.patiently('its owner can log in', LOGIN_MS_MAX, look).catch((cause: unknown) => {
    throw new Error(`ssh said last: ${last?.out}`, { cause });
  });
}
