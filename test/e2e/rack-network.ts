// A rack in a private network, for tests with other people's clients: the real daemon on the bridge, client hosts on cables to it,
// and programs run there to their end.
//
// 1. `remove` ends every started process by its number, and deletes the namespaces and the directory.
// 2. No program gets a path of the host to write to: leases, pid files and captures lie in the directory.

import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';
import { systemClock } from '../../src/ground/clock.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { type Ended, endedWith, eventually, PASSWORD, well } from '../support/running-rack.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const RUN_MS_MAX = 120_000;
/** A client that gives its lease back as it ends. */
const END_MS_MAX = 15_000;
const UP_MS_MAX = 60_000;

/** A program that continues. */
export interface Running {
  readonly child: ChildProcess;
  /** Its output so far, on both streams. */
  text(): string;
  /** Sends the signal and waits for the end; a program that stays is killed. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** A command on a terminal, and a person who answers its questions. */
export interface Keyboard {
  /** All that the terminal has shown. */
  text(): string;
  /** Waits until the output since the last answer ends with `question`, then types the answer and the key after it. */
  answer(question: RegExp, text: string, key?: string): Promise<void>;
  /** Its exit code. */
  ended(): Promise<number | null>;
}

export class RackNetwork {
  readonly namespace: LabNamespace;
  readonly directory: string;
  readonly stateDir: string;
  readonly configFile: string;
  /** Every line of the daemon's log. */
  readonly lines: LogLine[] = [];
  #daemon: DaemonProcess | undefined;
  readonly #running: Running[] = [];
  readonly #further: string[] = [];

  /** @param address the rack's own, on the bridge */
  constructor(label: string, address: string, prefix = 24) {
    this.namespace = LabNamespace.create(`rb-${label}-${process.pid}`, address, prefix);
    this.directory = mkdtempSync(join(tmpdir(), `rackboot-${label}-`));
    this.stateDir = join(this.directory, 'state');
    this.configFile = join(this.directory, 'rackboot.yaml');
    mkdirSync(join(this.stateDir, 'boot'), { recursive: true });
  }

  /** The boot tree, unless the configuration names another. */
  get tree(): string {
    return join(this.stateDir, 'boot');
  }

  /** Writes the configuration; `body` is all of it but name and state directory. */
  configure(body: string): void {
    writeFileSync(this.configFile, `name: rack\nstate_dir: ${this.stateDir}\n${body}`);
  }

  /** @param before words before the daemon's command, of a program that becomes it */
  async start(...before: readonly string[]): Promise<void> {
    const from = this.lines.length;
    this.#daemon = await DaemonProcess.start({
      config: this.configFile,
      namespace: this.namespace,
      wrapper: before,
      onLine: (line) => void this.lines.push(line),
    });
    await eventually('the region is up', () => this.events('region.up', from).length > 0, UP_MS_MAX);
  }

  async stop(): Promise<number | null> {
    const code = await this.#daemon?.stop();
    this.#daemon = undefined;
    return code ?? null;
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = undefined;
  }

  /** Stops the daemon, ends what runs, removes everything. */
  async remove(): Promise<void> {
    for (const running of this.#running) await running.end('SIGKILL');
    await this.stop();
    for (const name of [...this.namespace.names, ...this.#further]) endAllIn(name);
    for (const name of this.#further) execFileSync('ip', ['netns', 'delete', name]);
    this.namespace.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A router: a host of the rack's network that also has `eth1` in a network of its own, with one further host. */
  addFarHost(router: string, label: string, mac: string, routerAddress: string): string {
    const host = `${this.namespace.name}-${label}`;
    execFileSync('ip', ['netns', 'add', host]);
    this.#further.push(host);
    const ip = (words: string): Buffer => execFileSync('ip', words.split(' '), { stdio: 'pipe' });
    ip(`-netns ${router} link add eth1 type veth peer name eth0 netns ${host}`);
    ip(`-netns ${router} address add ${routerAddress} dev eth1`);
    ip(`-netns ${router} link set eth1 up`);
    ip(`-netns ${host} link set eth0 address ${mac}`);
    ip(`-netns ${host} link set lo up`);
    ip(`-netns ${host} link set eth0 up`);
    const forward = 'echo 1 >/proc/sys/net/ipv4/ip_forward';
    execFileSync('ip', ['netns', 'exec', router, 'sh', '-c', forward], { stdio: 'pipe' });
    return host;
  }

  /** Starts a program on a host (undefined: the rack's own) that ends with the network. */
  launch(host: string | undefined, ...command: readonly string[]): Running {
    const [program = '', ...args] = command;
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = this.namespace.spawn(program, args, {
      stdio,
      cwd: this.directory,
      ...(host === undefined ? {} : { host }),
    });
    let text = '';
    const take = (bytes: Buffer): void => {
      text += bytes.toString('utf8');
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const running: Running = {
      child,
      text: () => text,
      end: (signal = 'SIGTERM') => endChild(child, signal),
    };
    this.#running.push(running);
    return running;
  }

  /** Runs a program on a host (undefined: the rack's own) to its end; after RUN_MS_MAX it is killed. */
  async run(host: string | undefined, ...command: readonly string[]): Promise<Ended> {
    const [program = '', ...args] = command;
    const child = this.namespace.spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.directory,
      ...(host === undefined ? {} : { host }),
    });
    const late = systemClock.schedule(RUN_MS_MAX, () => child.kill('SIGKILL'));
    const [out, err] = [collect(child.stdout), collect(child.stderr)];
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    late.cancel();
    return endedWith(code, await out, await err);
  }

  /** The command line with this rack's configuration, as words to run or launch. */
  words(...args: readonly string[]): readonly string[] {
    return [process.execPath, ...DAEMON_FLAGS, MAIN, ...args, '--config', this.configFile];
  }

  /** Runs the command line on the rack, with this rack's configuration. */
  rackboot(...args: readonly string[]): Promise<Ended> {
    return this.run(undefined, ...this.words(...args));
  }

  /** Runs a command that must succeed. @returns its output */
  well(...args: readonly string[]): Promise<string> {
    return well(this.rackboot(...args));
  }

  /** Makes an administrator of its region. @returns the API key */
  async administrator(name = 'ann'): Promise<string> {
    await this.well('createadmin', '--username', name, '--password', PASSWORD);
    return await this.well('apikey', '--username', name);
  }

  /** Starts the command line on a terminal, with this rack's configuration; it ends with the network. */
  type(...args: readonly string[]): Keyboard {
    const line = this.words(...args)
      .map((word) => `'${word}'`)
      .join(' ');
    const child = this.namespace.spawn('script', ['-qefc', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: this.directory,
      env: { ...process.env, TERM: 'dumb' },
    });
    let text = '';
    let from = 0;
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
    });
    const running: Running = { child, text: () => text, end: (signal = 'SIGTERM') => endChild(child, signal) };
    this.#running.push(running);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const late = systemClock.schedule(RUN_MS_MAX, () => child.kill('SIGKILL'));
    return {
      text: () => text,
      answer: async (question, answer, key = '\r') => {
        const asked = new RegExp(`${question.source}(\\u001b\\[\\d*\\w)*$`);
        await eventually(`${question} after: ${JSON.stringify(text.slice(from))}`, () => asked.test(text.slice(from)));
        from = text.length;
        child.stdin?.write(`${answer}${key}`);
      },
      ended: async () => {
        const code = await ended;
        late.cancel();
        return code;
      },
    };
  }

  /** Events of the log, from its `from`th line. */
  events(kind: string, from = 0): LogLine[] {
    return this.lines.slice(from).filter(({ event }) => event === kind);
  }

  /** Writes the configuration, and waits until the running rack has applied it. */
  async apply(text: string): Promise<void> {
    const from = this.lines.length;
    this.configure(text);
    await this.reported('config.applied', () => true, from);
  }

  /** Waits for an event of the log. */
  reported(kind: string, match: (line: LogLine) => boolean = () => true, from = 0): Promise<LogLine> {
    return eventually(`${kind} in the log`, () => this.events(kind, from).find(match));
  }
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  const late = systemClock.schedule(END_MS_MAX, () => {
    child.kill('SIGKILL');
    // Processes that it started may outlive it (seen: those of dhcpcd), and keep its streams open. They end with the network.
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  });
  await closed;
  late.cancel();
}

/** Ends what still runs in a namespace that this test made. */
function endAllIn(name: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString('utf8');
}
