// Users log in to real machines that run the environment, by key: to one in rescue mode, which then restarts with its disk unmounted;
// and to one whose erasure fails, only while a debug login is open. No driver switches the machines: they obey the region.
// Their region is real; a rack in front of it vouches for them.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatMac, mac } from '../../src/ground/address.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import type { Machine } from '../../src/region/records/machine.ts';
import { type LiveRegion, startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { BodyServer } from '../support/body-server.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { ended } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { ext4Facts, ext4File } from '../support/ext4-disk.ts';
import { freePort } from '../support/free-port.ts';
import { missing } from '../support/needs.ts';
import { reasonOf } from '../support/sentences.ts';

const IMAGE = 'amd64/generic/bookworm/commissioning';
const MIB = 1024 * 1024;
const BUILD_MS_MAX = 600_000;
const RUN_MS_MAX = 400_000;
const STEP_MS_MAX = 240_000;

/** A rack: it serves the environment, and passes on what machines ask their region. */
class Rack extends BodyServer {
  readonly #tree: string;
  readonly #region: LiveRegion;
  /** The token of each machine's boot, which tells which one asks. */
  readonly macs = new Map<string, string>();
  /** While it is set, the machine's word that it failed waits for it. */
  hold: Promise<void> | undefined;

  constructor(tree: string, region: LiveRegion) {
    super();
    this.#tree = tree;
    this.#region = region;
  }

  protected answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const path = request.url ?? '';
    if (path.startsWith('/amd64/')) createReadStream(join(this.#tree, path)).pipe(response);
    else void this.#pass(request, body, response);
  }

  async #pass(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const { port, config } = this.#region;
    if (/status=FAILED/.test(body.toString('latin1'))) await this.hold;
    const token = String(request.headers['x-rackboot-token']);
    const headers = {
      ...request.headers,
      'x-rackboot-rack': config.rackSecret,
      'x-forwarded-for': '127.0.0.1',
      'x-rackboot-boot': this.macs.get(token) ?? '',
    };
    const { url: path, method } = request;
    const onward = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  }
}

/** The result of a command over ssh. */
interface Said {
  readonly code: number;
  readonly out: string;
  readonly problem: string;
}

const NEEDS = [...bootTreeNeeds(), 'linux', 'qemu-system-x86_64', 'mkfs.ext4', 'ssh'] as const;

describe('a login to a machine that runs the environment', { skip: missing(...NEEDS), concurrency: 2 }, () => {
  let scratch = '';
  let tree = '';
  let region: LiveRegion;
  let rack: Rack;
  const machines = new Set<ChildProcess>();

  before(
    async () => {
      scratch = mkdtempSync(join(tmpdir(), 'rackboot-rescue-'));
      tree = await cachedBootTree(() => undefined);
      region = await startRegion({ publicUrl: 'http://10.0.2.2/MAAS' });
      rack = new Rack(tree, region);
      await rack.listen();
      for (const name of ['admin', 'stranger']) {
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(scratch, name)]);
      }
      const key = readFileSync(join(scratch, 'admin.pub'), 'utf8').trim();
      await ask('POST', 'account/prefs/sshkeys/', { key });
    },
    { timeout: BUILD_MS_MAX },
  );
  after(async () => {
    for (const machine of machines) machine.kill('SIGKILL');
    rack?.close();
    await region?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function ask(method: 'GET' | 'POST', path: string, fields: Readonly<Record<string, string>> = {}) {
    const body = method === 'GET' ? {} : { body: new URLSearchParams(fields) };
    const headers = { authorization: region.authorization };
    const answer = await fetch(`${region.origin}/MAAS/api/2.0/${path}`, { method, headers, ...body });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  }

  /** A machine that is Ready. */
  async function enlist(address: number): Promise<string> {
    const outcome = await region.region.enlist(report([address]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await ask('POST', `machines/${systemId}/?op=accept`, { skip_commissioning: 'true' });
    return systemId;
  }

  const get = async (systemId: string): Promise<Machine> => {
    const machine = await region.region.store.findMachine(systemId);
    assert.ok(machine);
    return machine;
  };

  /** Powers a machine on, with its task. */
  async function start(systemId: string, disk?: string) {
    const { bootToken = '', interfaces } = await get(systemId);
    const address = formatMac(interfaces[0]?.mac ?? mac(0));
    rack.macs.set(bootToken, address);
    const port = await freePort();
    const serial = join(scratch, `serial-${systemId}`);
    writeFileSync(serial, '');
    const line = `rackboot=commissioning rackboot_url=http://10.0.2.2:${rack.port}/MAAS rackboot_token=${bootToken}`;
    const drive = `file=${disk},format=raw,if=none,id=d0`;
    const args = [
      '-machine',
      'pc,graphics=off',
      '-accel',
      'tcg,thread=multi',
      '-m',
      '384',
      '-nodefaults',
      '-display',
      'none',
      '-monitor',
      'none',
      '-no-reboot',
      '-serial',
      `file:${serial}`,
      '-kernel',
      join(tree, IMAGE, 'linux'),
      '-initrd',
      join(tree, IMAGE, 'initrd.gz'),
      '-append',
      `${line} BOOTIF=01-${address.replaceAll(':', '-')} console=ttyS0,115200`,
      '-netdev',
      `user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:22`,
      '-device',
      `virtio-net-pci,netdev=n0,mac=${address}`,
      ...(disk === undefined ? [] : ['-drive', drive, '-device', 'virtio-blk-pci,drive=d0']),
    ];
    const machine = spawn('qemu-system-x86_64', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: RUN_MS_MAX,
    });
    machines.add(machine);
    const end = ended(machine).then((status) => {
      machines.delete(machine);
      return { status, shown: readFileSync(serial, 'latin1').replaceAll('\r', '') };
    });
    return { port, ended: end, shown: () => readFileSync(serial, 'latin1').replaceAll('\r', '') };
  }

  /** Runs a command on a machine, as the holder of a key. */
  function ssh(port: number, key: string, command: string, ...more: readonly string[]): Promise<Said> {
    const args = [
      '-i',
      join(scratch, key),
      '-p',
      String(port),
      '-F',
      'none',
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      'BatchMode=yes',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `UserKnownHostsFile=${join(scratch, `hosts-${port}`)}`,
      '-o',
      'ConnectTimeout=30',
      ...more,
      'root@127.0.0.1',
      command,
    ];
    return new Promise((resolve) => {
      execFile('ssh', args, { timeout: STEP_MS_MAX }, (error, out, problem) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, problem }),
      );
    });
  }

  /** The fingerprint by which ssh knows a machine that it has met. */
  const fingerprintOf = (port: number): string => {
    const known = execFileSync('ssh-keygen', ['-lf', join(scratch, `hosts-${port}`)], { encoding: 'utf8' });
    return /SHA256:\S+/.exec(known)?.[0] ?? known;
  };

  /** True if an SSH server answers there. */
  async function answers(port: number): Promise<boolean> {
    const socket = connect(port, '127.0.0.1');
    const said = await new Promise<string>((resolve) => {
      socket.setTimeout(STEP_MS_MAX, () => resolve('nothing'));
      socket.once('data', (data) => resolve(data.toString('latin1')));
      socket.once('close', () => resolve(''));
      socket.once('error', () => resolve(''));
    });
    socket.destroy();
    return said.startsWith('SSH-2.0-');
  }

  /** A disk with a file system and a file in it. */
  function makeDisk(): string {
    const disk = join(scratch, 'disk');
    mkdirSync(join(scratch, 'files'));
    writeFileSync(join(scratch, 'files/broken'), 'broken\n');
    writeFileSync(disk, '');
    truncateSync(disk, 32 * MIB);
    execFileSync('mkfs.ext4', ['-q', '-d', join(scratch, 'files'), disk]);
    return disk;
  }

  test('in rescue mode opens to the keys of its owner, has tools for the disk, and ends with the disk unmounted', async () => {
    const id = await enlist(0x525400aa0061);
    await region.region.store.changeMachine<never>(id, Date.now(), () => ({
      kind: 'change',
      fields: { status: 'deployed', owner: 'admin' },
      events: [],
    }));
    await ask('POST', `machines/${id}/?op=rescue_mode`);
    const disk = makeDisk();
    const { port, ended, shown } = await start(id, disk);
    await eventuallyWithin(STEP_MS_MAX, 'rescue mode', async () => (await get(id)).status === 'rescue-mode');
    const [login] = await ask('GET', `machines/${id}/?op=logins`);
    const looked = await ssh(
      port,
      'admin',
      'tty; e2fsck -V 2>&1; sfdisk --version; dmesg | head -n 1; mount /dev/vda /mnt && cat /mnt/broken',
      '-tt',
    );
    assert.equal(looked.code, 0, JSON.stringify([looked, shown().slice(-2000)]));
    assert.match(looked.out, /\/dev\/pts\/0\r\n.*e2fsck \d.*sfdisk .*Linux version.*broken\r\n$/s);
    assert.equal(login.host_key, fingerprintOf(port));
    assert.match(
      shown(),
      new RegExp(`Log in: ssh root@10.0.2.15, host key ${RegExp.escape(login.host_key)}\\n.* ssh-ed25519 admin`),
    );
    const refused = await ssh(port, 'stranger', 'true');
    assert.deepEqual(
      [refused.code, /Permission denied \(publickey\)/.test(refused.problem)],
      [255, true],
      refused.problem,
    );
    assert.equal((await ssh(port, 'admin', 'echo repaired >/mnt/repaired')).code, 0);
    await ask('POST', `machines/${id}/?op=exit_rescue_mode`);
    const end = await ended;
    assert.match(end.shown, /reboot: Restarting system/);
    assert.deepEqual([(await get(id)).status, (await get(id)).owner], ['deployed', 'admin']);
    assert.equal(ext4File(disk, '/repaired'), 'repaired\n');
    assert.match(ext4Facts(disk), /^Filesystem state: +clean$/m);
  });

  test('to debug is possible only while debugging is open; a failed machine stays on until debugging is closed', async () => {
    const id = await enlist(0x525400aa0062);
    await ask('POST', 'machines/?op=allocate', { system_id: id });
    await ask('POST', `machines/${id}/?op=release`, { erase: 'true' });
    let release: () => void = () => undefined;
    rack.hold = new Promise((resolve) => {
      release = resolve;
    });
    // It has no disk, which it says when it is let.
    const { port, ended, shown } = await start(id);
    await eventuallyWithin(STEP_MS_MAX, 'its agent', () => /Address 10\.0\.2\.15/.test(shown()));
    await eventuallyWithin(STEP_MS_MAX, 'its job', async () => (await get(id)).work?.waitsForBoot === false);
    assert.equal(await answers(port), false);
    await ask('POST', `machines/${id}/?op=debug_login`, { seconds: '600' });
    const login = await eventuallyWithin(STEP_MS_MAX, 'its host key', async () => {
      const [found] = await ask('GET', `machines/${id}/?op=logins`);
      return found.host_key === null ? undefined : found;
    });
    release();
    await eventuallyWithin(STEP_MS_MAX, 'its failure', async () => (await get(id)).status === 'failed-disk-erasing');
    assert.match(reasonOf(await get(id)), /shows no disk that could be erased/);
    const looked = await ssh(port, 'admin', 'cat /proc/cmdline');
    assert.match(looked.out, /rackboot=commissioning/, looked.problem);
    assert.equal(login.host_key, fingerprintOf(port));
    assert.equal((await ssh(port, 'stranger', 'true')).code, 255);
    await ask('POST', `machines/${id}/?op=debug_login`, { off: 'true' });
    const end = await ended;
    assert.match(end.shown, /The debug login is closed\.\n.*Powering off\..*reboot: Power down/s);
  });
});
