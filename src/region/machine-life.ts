// The life of machines as people and the machines themselves move it on: commands, signals, signs of life, deadlines, and what the power
// of a machine turned out to do.
//
//   command (commands.ts) ─┐
//   signal (signal.ts) ────┼─► one transaction: state, deadline, owner, addresses, log ─► racks are told ─► power follows
//   deadline, lease, power ┘
//
// 1. Everything that decides what comes next is in the store: after a crash the same deadlines stand.
// 2. Two commands at a time: the second finds the state that the first has made, and is refused by its name.
// 3. A machine that hung is started again RETRIES times by itself, and only before its disk was written.
// 4. A machine is Deployed when its installed system has reported, or has taken its address after the disk was written.

import type { Clock } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import { drawBootToken } from './boot-token.ts';
import {
  type Actor,
  type CommandRefusal,
  type Deployment,
  decideCommand,
  type MachineCommand,
  restingStatus,
} from './commands.ts';
import type { DeployableImage, FindImage } from './deployment.ts';
import { statusRow } from './lifecycle.ts';
import type { Machine, PowerTask } from './machine.ts';
import type { NewMachineEvent } from './machine-event.ts';
import type { Rack } from './rack.ts';
import { decideSignal, type Signal } from './signal.ts';
import { chooseAddresses } from './static-addresses.ts';
import { type Change, deadlineOf, enterStatus, enterStatuses } from './status-change.ts';
import type { StatusDeadlines } from './status-deadlines.ts';
import type { MachineChangeOutcome, RegionStore } from './store.ts';

/** How often a machine that hung is started again, unless the configuration says otherwise. */
const RETRIES = 1;
/** Machines whose state is ended for its age, in one look; the others follow with the next. */
const OVERDUE_MAX = 50;
/** Events that are looked through for what a machine did since its disk was written. */
const EVENTS_LOOKED_MAX = 200;
/** Systems that are tried for a release whose distribution is not named. */
const SYSTEMS = ['debian', 'ubuntu', 'custom'] as const;

/** What switches machines. */
export interface PowerControl {
  /** True for a machine whose power we can switch. */
  switches(machine: Machine): boolean;
}

/** How switching a machine ended. */
export interface PowerResult {
  readonly task: PowerTask;
  readonly isDone: boolean;
  /** What its driver said; empty: nothing. */
  readonly text: string;
}

export interface LifeParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly deadlines: StatusDeadlines;
  readonly racks: { list(): readonly Rack[] };
  /** Undefined: nobody but people switches machines. */
  readonly power: PowerControl | undefined;
  /** Undefined: there is no store of images. */
  readonly findImage: FindImage | undefined;
  /** How often work that hung is begun again. */
  readonly retries: () => number | undefined;
  /** Told after each change. */
  readonly onChange: (machine: Machine) => void;
}

/** What a command takes beside itself. */
export interface CommandOptions {
  /** The address that is asked for; undefined: any. */
  readonly address?: Ipv4 | undefined;
}

export class MachineLife {
  readonly #parts: LifeParts;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  /** Does what a person says to a machine, or says why not. */
  command(
    systemId: string,
    command: MachineCommand,
    by: Actor,
    options: CommandOptions = {},
  ): MachineChangeOutcome<CommandRefusal> {
    const { clock, store, racks } = this.#parts;
    const atMs = this.#now();
    const outcome = store.changeMachine<CommandRefusal>(systemId, atMs, (machine, _isTaken, knowledge) => {
      const terms = { atMs, clock, by, switches: this.#switches(machine) };
      const change = decideCommand(machine, command, terms);
      if (change.kind === 'refuse') return change;
      const refusal = command.name === 'deploy' ? this.#refuseDeployment(machine, command.deployment, by) : undefined;
      if (refusal !== undefined) return { kind: 'refuse', refusal };
      const needsAddress = command.name === 'allocate' || (command.name === 'deploy' && machine.addresses.length === 0);
      if (!needsAddress) return change;
      const chosen = chooseAddresses(machine, racks.list(), knowledge, options.address);
      return chosen.kind === 'refuse' ? chosen : { ...change, addresses: chosen.addresses };
    });
    return this.#tell(outcome);
  }

  /** Takes the first of these machines that can be allocated. Undefined: none can. */
  allocate(
    candidates: Iterable<Machine>,
    by: Actor,
    options: CommandOptions = {},
  ): MachineChangeOutcome<CommandRefusal> | undefined {
    for (const { systemId } of candidates) {
      const outcome = this.command(systemId, { name: 'allocate' }, by, options);
      // Somebody else was faster, or it is gone: the next one.
      const isPassing = outcome.kind === 'refuse' && outcome.refusal.reason === 'transition-not-allowed';
      if (outcome.kind !== 'not-found' && !isPassing) return outcome;
    }
    return undefined;
  }

  /** The image of a deployment; undefined: there is none. */
  findImage(machine: Machine, osystem: string, release: string): DeployableImage | undefined {
    const { architecture, subarchitecture } = machine;
    for (const os of osystem === '' ? SYSTEMS : [osystem]) {
      const found = this.#parts.findImage?.({ os, release, architecture, subarchitecture });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes what a machine tells of its work. Who may call this has shown that it is the machine. */
  signal(systemId: string, signal: Signal): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    return this.#tell(
      store.changeMachine<never>(systemId, atMs, (machine) =>
        decideSignal(machine, signal, atMs, clock, this.#switches(machine)),
      ),
    );
  }

  /** A machine that boots, or asks for its job, is at work: the time its state may last begins again, or for the first time. */
  alive(systemId: string, seenMs: number): void {
    const { store } = this.#parts;
    const nowMs = this.#now();
    const machine = store.findMachine(systemId);
    if (machine === undefined) return;
    const waits = machine.work?.waitsForBoot === true;
    // What it did before it was told to do this is no sign of it.
    if (waits && seenMs < machine.statusSinceMs) return;
    // A rack whose clock is ahead gives no more time than there is.
    const deadline = deadlineOf(machine.status, Math.min(seenMs, nowMs));
    // What a rack tells late does not take back time that was given since.
    if (deadline === undefined || deadline <= (machine.statusDeadlineMs ?? 0)) return;
    const begun =
      waits && machine.work !== undefined
        ? { work: { ...machine.work, waitsForBoot: false }, statusMessage: 'it has started' }
        : {};
    const fields = { statusDeadlineMs: deadline, ...begun };
    store.changeMachine<never>(systemId, nowMs, () => ({ kind: 'change', fields, events: [] }));
  }

  /** A machine took or kept its address: the installed system did, when it was its turn. */
  leased(systemId: string): void {
    const { store, clock } = this.#parts;
    const machine = store.findMachine(systemId);
    if (machine?.status !== 'deploying' || machine.netboot || !this.#isSystemUp(systemId)) return;
    const atMs = this.#now();
    const outcome = store.changeMachine<never>(systemId, atMs, (now) =>
      now.status === 'deploying' && !now.netboot
        ? enterStatus(now, 'deployed', { atMs, clock, username: '', message: 'its system was seen with its address' })
        : { kind: 'change', fields: {}, events: [] },
    );
    this.#tell(outcome);
  }

  /** Takes how switching a machine ended; what waits for it goes on, or fails by the words of the driver. */
  powerSwitched(systemId: string, result: PowerResult): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    const outcome = store.changeMachine<never>(systemId, atMs, (machine) => {
      // The task was changed meanwhile: what came of the old one says nothing of the new one.
      if (machine.powerTask !== result.task) return { kind: 'change', fields: {}, events: [] };
      const fields = { powerTask: undefined, ...(result.isDone ? { powerState: stateAfter(result.task) } : {}) };
      const then = this.#afterPower(machine, result, atMs, clock);
      return { ...then, fields: { ...then.fields, ...fields } };
    });
    return this.#tell(outcome);
  }

  /** Ends the states in progress that have lasted too long, or begins their work again. */
  endOverdue(): void {
    const { store, clock, deadlines } = this.#parts;
    if (!deadlines.follow()) return;
    const atMs = clock.wallTimeMs();
    const overdue = store.listOverdue(atMs, OVERDUE_MAX);
    if (overdue.length === 0) return;
    const newest = store.newestEvents(overdue.map(({ systemId }) => systemId));
    for (const { systemId } of overdue) {
      const seen = newest.get(systemId)?.description ?? '';
      const outcome = store.changeMachine<never>(systemId, atMs, (machine) => this.#end(machine, seen, atMs));
      this.#tell(outcome);
    }
  }

  #end(machine: Machine, seen: string, atMs: number): Change {
    const row = statusRow(machine.status);
    const last = seen === '' ? 'nothing was heard of it' : `last seen: ${seen}`;
    const message = `${row.name} did not end within ${row.timeoutMinutes ?? 0} minutes; ${last}`;
    const { clock, retries } = this.#parts;
    // A sign of life, or a command, came in between.
    if (row.failed === undefined || (machine.statusDeadlineMs ?? Infinity) >= atMs) {
      return { kind: 'change', fields: {}, events: [] };
    }
    const isUnwritten = machine.status === 'commissioning' || (machine.status === 'deploying' && machine.netboot);
    const { work } = machine;
    if (!isUnwritten || work === undefined || work.attempts >= (retries() ?? RETRIES) || !this.#switches(machine)) {
      return enterStatus(machine, row.failed, { atMs, clock, username: '', message });
    }
    const description = `${message}; it is started again`;
    const event: NewMachineEvent = { type: 'NODE_HUNG', description, atMs, username: '' };
    return {
      kind: 'change',
      fields: {
        statusDeadlineMs: deadlineOf(machine.status, atMs),
        statusMessage: description,
        // What hung may still run: its token is worth nothing now.
        bootToken: drawBootToken(clock),
        powerTask: 'cycle',
        work: {
          waitsForBoot: false,
          attempts: work.attempts + 1,
          before: work.before,
          deployBy: work.deployBy,
          disk: work.disk,
        },
      },
      events: [event],
    };
  }

  #afterPower(machine: Machine, result: PowerResult, atMs: number, clock: Clock): Change {
    const terms = { atMs, clock, username: '' };
    const row = statusRow(machine.status);
    const said = result.text === '' ? '' : `: ${result.text}`;
    const description = result.isDone
      ? `its power was switched (${result.task})`
      : `its power could not be switched${said}`;
    const way = result.task === 'off' ? 'OFF' : 'ON';
    const type = result.isDone ? (`NODE_POWERED_${way}` as const) : (`NODE_POWER_${way}_FAILED` as const);
    const event: NewMachineEvent = { type, description, atMs, username: '' };
    const told = (change: Change): Change => ({ ...change, events: [event, ...change.events] });
    if (!result.isDone && row.failed !== undefined) {
      return told(enterStatus(machine, row.failed, { ...terms, message: description }));
    }
    if (result.isDone && machine.status === 'releasing') return told(enterStatuses(machine, ['ready'], terms));
    if (result.isDone && machine.status === 'exiting-rescue-mode')
      return told(enterStatuses(machine, [restingStatus(machine)], terms));
    return { kind: 'change', fields: {}, events: [event] };
  }

  #refuseDeployment(machine: Machine, deployment: Deployment | undefined, by: Actor): CommandRefusal | undefined {
    const owner = machine.owner ?? by.username;
    if (this.#parts.store.life.listSshKeys(owner).length === 0) {
      const text =
        `${owner} has no SSH key, and nobody could log in to ${machine.hostname}: add one with ` +
        `\`rackboot sshkeys add FILE --username ${owner}\`, or in the API under account/prefs/sshkeys/.`;
      return { reason: 'no-ssh-key', text };
    }
    if (deployment?.deployBy === 'installer') return undefined;
    const { osystem = '', release = '' } = deployment ?? {};
    if (this.findImage(machine, osystem, release) !== undefined) return undefined;
    const name = `${osystem === '' ? '' : `${osystem}/`}${release}`;
    const text = `there is no image of ${name === '' ? 'any system' : name} for ${machine.architecture}/${machine.subarchitecture}: \`rackboot images add\` takes one.`;
    return { reason: 'image-missing', text };
  }

  /**
   * Reads in the log who took the address: after the disk was written, firmware asks for it with a loader to load, and is then told to
   * start the disk; the system asks without.
   */
  #isSystemUp(systemId: string): boolean {
    const events = this.#parts.store.listEvents({ machines: { systemIds: [systemId] }, limit: EVENTS_LOOKED_MAX });
    for (const { kind, type, description } of events) {
      if (type === 'NODE_DISK_WRITTEN') return false;
      if (kind === 'dhcp.offer') return !/; (?:to load|nothing to load)/.test(description);
      if (type === 'NODE_PXE_REQUEST') return true;
    }
    return false;
  }

  #switches(machine: Machine): boolean {
    return machine.powerIsProposed !== true && this.#parts.power?.switches(machine) === true;
  }

  #now(): number {
    this.#parts.deadlines.follow();
    return this.#parts.clock.wallTimeMs();
  }

  #tell<R>(outcome: MachineChangeOutcome<R>): MachineChangeOutcome<R> {
    if (outcome.kind === 'changed') this.#parts.onChange(outcome.machine);
    return outcome;
  }
}

const stateAfter = (task: PowerTask): Machine['powerState'] => (task === 'off' ? 'off' : 'on');
