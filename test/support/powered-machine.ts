// A virtual machine whose power a BMC controls: only ipmi_sim starts and ends QEMU, like a chassis. The machine
// itself reaches the same BMC by its KCS interface.
//
// 1. The changes that the BMC was asked for are kept in order; if ipmitool repeats one, because a busy host was slow to answer, it is kept once.
// 2. A machine that switches itself off is off for its BMC.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine, type VirtualMachineSpec } from '../../src/lab/virtual-machine.ts';
import { eventuallyWithin } from './eventually.ts';
import { consoleOf } from './machine-console.ts';
import { type BmcSpec, bmcDevices, startSimulatedBmc } from './simulated-bmc.ts';

const END_MS_MAX = 10_000;
/** ipmitool waits a second for the first answer, and longer for each further one; a command of the rack's comes later. */
export const AGAIN_SECONDS_MAX = 4;
/** Further arguments for QEMU: a reboot restarts the machine, like a real one, instead of ending it. */
export const REBOOTING: readonly string[] = ['-action', 'reboot=reset'];

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The program that ipmi_sim calls: `chassis ADDRESS get NAME…`, or `set NAME VALUE…`. */
function chassisScript(machine: VirtualMachine, place: (name: string) => string): string {
  return `#!/bin/sh
shift
act=$1
shift
read -r up idle </proc/uptime
[ "$act" = get ] || echo "$up $*" >>${quoted(place('asked'))}
runs() {
  read -r pid 2>/dev/null <${quoted(place('pid'))} || return 1
  # A process that has ended, and was not awaited, runs no more.
  case $(sed -n 's/^State:[[:space:]]*\\(.\\).*/\\1/p' "/proc/$pid/status" 2>/dev/null) in '' | Z) return 1 ;; esac
}
start() {
  [ ! -e ${quoted(machine.consolePath)} ] || cat ${quoted(machine.consolePath)} >>${quoted(place('consoles'))}
  setsid ${machine.command.map(quoted).join(' ')} </dev/null >>${quoted(place('qemu'))} 2>&1 &
  echo $! >${quoted(place('pid'))}
}
case $act in
  get) for name; do case $name in
    power) if runs; then echo power:1; else echo power:0; fi ;;
    boot) echo "boot:$(cat ${quoted(place('boot'))} 2>/dev/null || echo none)" ;;
    *) exit 1 ;;
  esac; done ;;
  set) while [ $# -gt 1 ]; do
    case $1 in
      power) if [ "$2" = 0 ]; then ! runs || kill -9 "$pid"; else runs || start; fi ;;
      boot) echo "$2" >${quoted(place('boot'))} ;;
      shutdown) ! runs || echo system_powerdown | nc -q 1 -U ${quoted(place('monitor'))} >/dev/null 2>&1 & ;;
      reset) ! runs || echo system_reset | nc -q 1 -U ${quoted(place('monitor'))} >/dev/null 2>&1 & ;;
    esac
    shift 2
  done ;;
esac
`;
}

/** The machine with its BMC. */
export class PoweredMachine {
  readonly machine: VirtualMachine;
  readonly #namespace: LabNamespace;
  readonly #bmc: BmcSpec;
  readonly #place: (name: string) => string;
  #process: ChildProcess | undefined;

  /** @param bus how the machine reaches its BMC; undefined: not at all */
  constructor(
    spec: VirtualMachineSpec,
    bmc: Omit<BmcSpec, 'chassis' | 'directory'>,
    namespace: LabNamespace,
    bus: 'isa' | 'pci' | undefined,
  ) {
    this.#place = (name) => join(spec.directory, `${spec.name}.${name}`);
    const monitor = ['-chardev', `socket,id=monitor,path=${this.#place('monitor')},server=on,wait=off`];
    const further = [
      ...(spec.furtherArguments ?? []),
      ...REBOOTING,
      ...monitor,
      '-mon',
      'chardev=monitor,mode=readline',
      ...(bus === undefined ? [] : bmcDevices(bus)),
    ];
    this.machine = new VirtualMachine({ ...spec, furtherArguments: further }, namespace);
    this.#namespace = namespace;
    this.#bmc = { ...bmc, directory: spec.directory, chassis: this.#place('chassis') };
  }

  /** Starts the BMC; the machine is off. */
  async start(): Promise<void> {
    const program = this.#place('chassis');
    writeFileSync(program, chassisScript(this.machine, this.#place));
    chmodSync(program, 0o755);
    this.#process = await startSimulatedBmc(this.#namespace, this.#bmc);
  }

  /** Says something to the BMC as the operator does. @returns what ipmitool printed */
  ipmitool(...command: readonly string[]): string {
    const { address, operator } = this.#bmc;
    const login = ['-I', 'lanplus', '-H', address, '-U', operator.name, '-E', '-C', '3', '-L', 'ADMINISTRATOR'];
    return execFileSync('ip', ['netns', 'exec', this.#namespace.name, 'ipmitool', ...login, ...command], {
      encoding: 'utf8',
      env: { ...process.env, IPMI_PASSWORD: operator.password },
    });
  }

  /** The changes that the BMC was asked for so far: `power 1`, `boot pxe` … */
  get changes(): readonly string[] {
    const asked = this.#lines('asked').map((line) => {
      const [uptime = '', ...words] = line.split(' ');
      return { atSeconds: Number(uptime), what: words.join(' ') };
    });
    return asked
      .filter(({ atSeconds, what }, index) => {
        const before = asked[index - 1];
        return before?.what !== what || atSeconds - before.atSeconds > AGAIN_SECONDS_MAX;
      })
      .map(({ what }) => what);
  }

  get isOn(): boolean {
    const [pid = ''] = this.#lines('pid');
    if (pid === '' || !existsSync(`/proc/${pid}/status`)) return false;
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  }

  /** The machine's console output since it was last switched on. */
  console(): string {
    return consoleOf(this.machine);
  }

  /** All console output of the machine, the latest first. */
  consoles(): string {
    return `${this.console()}\n==== before ====\n${this.#lines('consoles').join('\n')}`;
  }

  /** Switches it as by a button of its own, of which the BMC is not asked. */
  press(power: 'on' | 'off'): void {
    const words = ['netns', 'exec', this.#namespace.name, this.#place('chassis'), 'front', 'set', 'power'];
    // QEMU outlives the script, and would keep its streams open.
    execFileSync('ip', [...words, power === 'on' ? '1' : '0'], { stdio: 'ignore' });
  }

  /** Resets it as by the button on its front, of which the BMC is not asked. */
  reset(): void {
    execFileSync('nc', ['-q', '1', '-U', this.#place('monitor')], {
      input: 'system_reset\n',
      stdio: ['pipe', 'ignore', 'inherit'],
    });
  }

  /** Pulls every plug. */
  async stop(): Promise<void> {
    this.#process?.kill('SIGKILL');
    const [pid = ''] = this.#lines('pid');
    if (!this.isOn) return;
    process.kill(Number(pid), 'SIGKILL');
    await eventuallyWithin(END_MS_MAX, 'the machine is off', () => !this.isOn);
  }

  #lines(name: string): string[] {
    const path = this.#place(name);
    return existsSync(path)
      ? readFileSync(path, 'latin1')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  }
}
