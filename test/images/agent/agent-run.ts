// A simulated machine that runs the agent's jobs under busybox against a region of the test. Its disks are files.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { portOf } from '../../support/listening-port.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PARTS = join(ROOT, 'src/images/agent');
export const TOKEN = 'boot-token_0123456789';
const RUN_SECONDS_MAX = '20';

/** The variables that give the agent directories below `root` in place of the machine's own. */
export const agentVariables = (root: string): Readonly<Record<string, string>> => ({
  PATH: process.env.PATH ?? '',
  RACKBOOT_STAY: '1',
  RACKBOOT_SYS: join(root, 'sys'),
  RACKBOOT_PROC: join(root, 'proc'),
  RACKBOOT_TMP: join(root, 'tmp'),
  RACKBOOT_DEV: join(root, 'dev'),
  RACKBOOT_MOUNT: join(root, 'mnt'),
});

/** A region with one job. It records every signal and report. */
export class JobRegion {
  job: Readonly<Record<string, string | number>> | undefined;
  readonly files = new Map<string, Uint8Array>();
  readonly signals: Record<string, string>[] = [];
  readonly reports: string[] = [];
  readonly tokens = new Set<string>();
  /** Statuses of the next answers to signals. */
  refusals: number[] = [];
  /** Statuses or texts of the answers to "is the job wanted?"; the last one repeats. Empty: the region does not know the request. */
  watches: (number | string)[] = [];
  /** The machine state in the answer to a report. */
  statusName = 'New';
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const path = request.url ?? '';
        const body = Buffer.concat(parts).toString('latin1');
        if (path.startsWith('/MAAS/rackboot/1/')) this.tokens.add(String(request.headers['x-rackboot-token']));
        const file = this.files.get(path);
        if (file !== undefined) response.end(file);
        else if (path === '/MAAS/rackboot/1/job' && this.job !== undefined) {
          response.end(
            Object.entries(this.job)
              .map(([name, value]) => `${name}=${value}\n`)
              .join(''),
          );
        } else if (/^\/MAAS\/rackboot\/[a-z]+\.sh$/.test(path)) {
          response.end(readFileSync(join(PARTS, basename(path))));
        } else if (path === '/MAAS/rackboot/1/watch') {
          const next = this.watches.length > 1 ? this.watches.shift() : this.watches[0];
          if (typeof next === 'string') response.end(next);
          else response.writeHead(next ?? 404).end();
        } else if (path === '/MAAS/rackboot/1/signal') {
          const status = this.refusals.shift() ?? 200;
          if (status === 200) this.signals.push(Object.fromEntries(new URLSearchParams(body)));
          response.writeHead(status).end('OK');
        } else if (path === '/MAAS/api/2.0/machines/') {
          this.reports.push(body);
          response.end(JSON.stringify({ hostname: 'calm-ibis', status_name: this.statusName }));
        } else response.writeHead(404).end();
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${portOf(this.#server)}/MAAS`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  reported(): string[] {
    return this.signals.map(({ status, stage, script }) => [status, stage, script].filter(Boolean).join(' '));
  }
}

// Replaces programs that would touch this host, and facts that only a real disk has.
const HARMLESS = `
say() { echo "$*" >&2; }
uptime_seconds() { date +%s; }
reboot() { echo rebooted >>"$RACKBOOT_TMP/ends"; }
poweroff() { echo "powered off" >>"$RACKBOOT_TMP/ends"; }
sync() { :; }
sleep() { command sleep 0.05; }
blockdev() { :; }
hwclock() { :; }
fetch_tools() { :; }
`;

/** The same, for the steps of a deployment after the image is written. */
const HARMLESS_DEPLOYMENT = `
prepare_devices() { :; }
grow_last() { echo "grown $disk" >>"$RACKBOOT_TMP/ends"; }
personalise() { echo "personalised $disk $(job_value hostname)" >>"$RACKBOOT_TMP/ends"; }
`;

/** Replaces them when the system consists of files: nothing is mounted, and none of its programs runs. */
const SYSTEM_IN_PLACE = `
grow_last() { :; }
list_partitions() { echo "2048 1 sda1"; }
mount() { :; }
umount() { :; }
chown() { echo "owner $2 \${3#"$root"}" >>"$RACKBOOT_TMP/ends"; }
chroot() { shift; echo "ran $*" >>"$RACKBOOT_TMP/ends"; }
`;

/** A machine: its disks, and where it differs from others. */
export interface JobMachine {
  readonly job?: Readonly<Record<string, string | number>> | undefined;
  readonly disks: Readonly<Record<string, Buffer>>;
  readonly sys?: Readonly<Record<string, string>>;
  /** Shell functions that replace the agent's own. */
  readonly functions?: string;
  /** The same, for login.sh. */
  readonly loginFunctions?: string;
  /** Files of the installed system, which makes the agent personalise it; a name that ends with `/` is a directory. */
  readonly system?: Readonly<Record<string, string>>;
  readonly purpose?: string;
  /** The machine state that the region returns when the machine reports. */
  readonly statusName?: string;
  readonly refusals?: number[];
  readonly watches?: (number | string)[];
}

/** The result of a run: its status, the agent's messages, the disks, and the machine's final state. */
export interface JobOutcome {
  readonly code: number;
  readonly said: string;
  readonly disks: Readonly<Record<string, Buffer>>;
  readonly ends: readonly string[];
  /** A file of the installed system; undefined: it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** The directory of the installed system. */
  readonly system: string;
}

/** Runs simulated machines, one at a time. */
export class AgentRuns {
  readonly region = new JobRegion();
  readonly #scratch = mkdtempSync(join(tmpdir(), 'rackboot-job-'));
  #count = 0;

  async open(): Promise<void> {
    await this.region.listen();
  }

  close(): void {
    this.region.close();
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  /** Runs the agent in a simulated machine. */
  async run(machine: JobMachine): Promise<JobOutcome> {
    const { region } = this;
    this.#count += 1;
    const root = join(this.#scratch, String(this.#count));
    this.#furnish(root, machine);
    region.job = machine.job;
    region.statusName = machine.statusName ?? 'New';
    region.refusals = machine.refusals ?? [];
    region.watches = [...(machine.watches ?? [])];
    for (const list of [region.signals, region.reports]) list.length = 0;
    region.tokens.clear();
    const outcome = await new Promise<{ code: number; said: string }>((resolve) => {
      // End the shell's children too: timeout has its own process group.
      const options = { env: agentVariables(root) } as const;
      execFile(
        'timeout',
        ['-s', 'KILL', RUN_SECONDS_MAX, 'busybox', 'sh', join(root, 'agent.sh')],
        options,
        (error, _stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, said: stderr }),
      );
    });
    const disks = Object.fromEntries(
      Object.keys(machine.disks).map((name) => [name, readFileSync(join(root, 'dev', name))]),
    );
    const ends = existsSync(join(root, 'tmp/ends')) ? readFileSync(join(root, 'tmp/ends'), 'utf8') : '';
    const system = join(root, 'mnt');
    const read = (path: string): string | undefined =>
      existsSync(join(system, path)) ? readFileSync(join(system, path), 'utf8') : undefined;
    return { ...outcome, disks, ends: ends.trim().split('\n'), read, system };
  }

  /** Creates the files from which the agent reads the machine's facts. */
  #furnish(root: string, machine: JobMachine): void {
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    const mac = '52:54:00:aa:00:01';
    const line = `rackboot=${machine.purpose ?? 'commissioning'} rackboot_url=${this.region.url} rackboot_token=${TOKEN}`;
    put('proc/cmdline', `${line} BOOTIF=01-${mac.replaceAll(':', '-')}\n`);
    put('proc/cpuinfo', 'processor : 0\n');
    put('proc/meminfo', 'MemTotal: 16384 kB\nMemAvailable: 8192 kB\n');
    put('sys/class/net/eth0/type', '1\n');
    put('sys/class/net/eth0/address', `${mac}\n`);
    put('sys/class/net/eth0/carrier', '1\n');
    put('sys/class/net/eth0/device/x', '');
    put('tmp/x', '');
    for (const [name, content] of Object.entries(machine.disks)) {
      put(`dev/${name}`, content);
      put(`sys/block/${name}/size`, `${content.length / 512}\n`);
    }
    for (const [path, content] of Object.entries(machine.sys ?? {})) put(`sys/${path}`, content);
    // Use the host's clock, so that waits end and stalls are noticed.
    writeFileSync(join(root, 'proc/uptime'), '1.00 1.00\n');
    const job = readFileSync(join(PARTS, 'job.sh'), 'utf8').replace(
      /^output=\nthen=\ncase /m,
      `${HARMLESS}${machine.functions ?? ''}\n$&`,
    );
    this.region.files.set('/MAAS/rackboot/job.sh', Buffer.from(job));
    const deployment = machine.system === undefined ? HARMLESS_DEPLOYMENT : SYSTEM_IN_PLACE;
    for (const name of ['deploy', 'personalise']) {
      const part = readFileSync(join(PARTS, `${name}.sh`), 'utf8').replace(
        `# end of ${name}\n`,
        `${deployment}${machine.functions ?? ''}\n$&`,
      );
      this.region.files.set(`/MAAS/rackboot/${name}.sh`, Buffer.from(part));
    }
    // The magic number of ext4, on the partition of the system.
    if (machine.system !== undefined) put('dev/sda1', Buffer.concat([Buffer.alloc(1080), Buffer.from('53ef', 'hex')]));
    for (const [path, content] of Object.entries(machine.system ?? {})) {
      if (path.endsWith('/')) mkdirSync(join(root, 'mnt', path), { recursive: true });
      else put(`mnt/${path}`, content);
    }
    const login = readFileSync(join(PARTS, 'login.sh'), 'utf8').replace(
      '# end of login\n',
      `${machine.loginFunctions ?? ''}\n$&`,
    );
    this.region.files.set('/MAAS/rackboot/login.sh', Buffer.from(login));
    const agent = readFileSync(join(PARTS, 'agent.sh'), 'utf8').replace(
      /^umask 077$/m,
      `${HARMLESS.split('\n').slice(0, 7).join('\n')}\n$&`,
    );
    put('agent.sh', agent);
  }
}
