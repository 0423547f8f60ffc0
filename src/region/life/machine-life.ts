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
//    What starts from the network again and again hangs too, whatever signs of life it shows.
// 4. A machine is Deployed when its installed system has reported, or has taken its address after the disk was written.

import type { Clock } from '../../clock.ts';
import { counted } from '../../counted.ts';
import type { Ipv4 } from '../../net/address.ts';
import { drawBootToken } from '../identity/boot-token.ts';
import { imagesForMachine } from '../racks/rack-images.ts';
import type { Racks } from '../racks/racks.ts';
import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import type { Machine, PowerState, PowerTask } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { MachineChangeOutcome, RegionStore } from '../records/store.ts';
import type { MachineWork } from '../records/work.ts';
import { type Actor, type CommandRefusal, type Deployment, decideCommand, type MachineCommand } from './commands.ts';
import type { DeployableImage, FindImage } from './deployment.ts';
import { DISK_STARTS_MAX, type DiskStarts, readDiskStarts } from './disk-start.ts';
import { type HasInstaller, machineInstalled, refuseAnswers, refuseInstaller } from './installer.ts';
import { refuseWithoutKey } from './logins.ts';
import { BOOTS_MAX, countBoot } from './network-boots.ts';
import {
  awaitPower,
  decidePower,
  decidePowerEnd,
  decidePowerSeen,
  hasStartedSince,
  type PowerControl,
  type PowerResult,
  whyInDoubt,
} from './power-life.ts';
import { switchSilentRescue } from './rescue-end.ts';
import { decideSignal, type Signal } from './signal.ts';
import { chooseAddresses } from './static-addresses.ts';
import { acceptedPower, type Change, deadlineOf, enterStatus, type StatusChangeTerms } from './status-change.ts';
import type { StatusDeadlines } from './status-deadlines.ts';

/** How often a machine that hung is started again, unless the configuration says otherwise. */
const RETRIES = 1;
/** Machines whose state is ended for its age, in one look; the others follow with the next. */
const OVERDUE_MAX = 50;
/** Events that are looked through for what a machine did lately. */
const EVENTS_LOOKED_MAX = 200;
/** Systems that are tried for a release whose distribution is not named. */
const SYSTEMS = ['debian', 'ubuntu', 'custom'] as const;

export interface LifeParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly deadlines: StatusDeadlines;
  readonly racks: Pick<Racks, 'list' | 'imagesOf'>;
  /** Undefined: nobody but people switches machines. */
  readonly power: Pick<PowerControl, 'switches'> | undefined;
  /** Undefined: there is no store of images. */
  readonly findImage: FindImage | undefined;
  /** Undefined: nothing is known of installers. */
  readonly hasInstaller?: HasInstaller | undefined;
  /** Why its installer cannot be told its answers; undefined: it can, or nothing is known of that. */
  readonly installProblem?: ((machine: Machine) => string | undefined) | undefined;
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
      // Who commands a New machine accepts what it said of its power (`status-change.ts`): it is switched for that command already.
      const isAccepted = machine.status === 'new' && by.username !== '';
      const switches = this.#switches(isAccepted ? { ...machine, ...acceptedPower(machine) } : machine);
      const terms = { atMs, clock, by, switches };
      const change = decideCommand(machine, command, terms);
      if (change.kind === 'refuse') return change;
      const refusal = this.#refuseStart(machine, command, by);
      if (refusal !== undefined) return { kind: 'refuse', refusal };
      const isAsked = options.address !== undefined || machine.addresses.length === 0;
      const needsAddress = command.name === 'allocate' || (command.name === 'deploy' && isAsked);
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
    const { racks, clock } = this.#parts;
    const told = imagesForMachine(machine, {
      racks: racks.list(),
      imagesOf: (uuid) => racks.imagesOf(uuid),
      nowMs: clock.wallTimeMs(),
    });
    for (const os of osystem === '' ? SYSTEMS : [osystem]) {
      const found = this.#parts.findImage?.({ os, release, architecture, subarchitecture }, told);
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

  /** Of a machine that is being deployed: it shall start from the network again, whatever it has written. */
  startFromNetwork(systemId: string): MachineChangeOutcome<never> {
    const { store } = this.#parts;
    const atMs = this.#now();
    return this.#tell(
      store.changeMachine<never>(systemId, atMs, ({ status, netboot }) => {
        if (status !== 'deploying' || netboot) return { kind: 'change', fields: {}, events: [] };
        const description = 'it asks to start from the network once more';
        const event: NewMachineEvent = { type: 'NODE_INSTALL_EVENT', description, atMs, username: '' };
        return { kind: 'change', fields: { netboot: true }, events: [event] };
      }),
    );
  }

  /** A machine that boots, or asks for its job, is at work: the time its state may last begins again, or for the first time. */
  alive(systemId: string, seenMs: number): void {
    const { store } = this.#parts;
    const nowMs = this.#now();
    const machine = store.findMachine(systemId);
    if (machine === undefined || this.#failsToStart(machine, nowMs)) return;
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

  /** A machine starts from the network. One that does so again and again without a word of its work hangs. */
  started(systemId: string, seenMs: number): void {
    const { store } = this.#parts;
    const atMs = this.#now();
    const found = store.findMachine(systemId);
    if (found === undefined || countBoot(found, seenMs) === undefined) return;
    const outcome = store.changeMachine<never>(systemId, atMs, (machine) => {
      const work = countBoot(machine, seenMs);
      if (work === undefined) return { kind: 'change', fields: {}, events: [] };
      if (work.boots <= BOOTS_MAX) return { kind: 'change', fields: { work }, events: [] };
      const why = `it started from the network ${counted(work.boots, 'time')} and never told of its work`;
      return this.#endHung(machine, why, atMs);
    });
    // A mere count concerns nobody.
    if (outcome.kind === 'changed' && (outcome.machine.work?.boots ?? 0) === 0) this.#tell(outcome);
  }

  /** Ends the deployment of a machine that comes back to the network again and again instead of starting the disk that was written. */
  #failsToStart(machine: Machine, atMs: number): boolean {
    if (machine.status !== 'deploying' || machine.netboot) return false;
    const { starts } = this.#diskStarts(machine.systemId);
    if (starts <= DISK_STARTS_MAX) return false;
    const message = `its disk does not start: since it was written, the machine was told ${counted(starts, 'time')} to start it, and asked the network again each time`;
    const { clock, store } = this.#parts;
    const terms = { atMs, clock, username: '', message };
    const outcome = store.changeMachine<never>(machine.systemId, atMs, (now) =>
      now.status === 'deploying' && !now.netboot
        ? failStatus(now, 'failed-deployment', terms)
        : { kind: 'change', fields: {}, events: [] },
    );
    this.#tell(outcome);
    return true;
  }

  /** A machine took or kept its address: the installed system did, when it was its turn. */
  leased(systemId: string): void {
    const { store, clock } = this.#parts;
    const machine = store.findMachine(systemId);
    if (machine?.status !== 'deploying' || machine.netboot || !this.#diskStarts(systemId).isUp) return;
    const atMs = this.#now();
    const outcome = store.changeMachine<never>(systemId, atMs, (now) =>
      now.status === 'deploying' && !now.netboot
        ? enterStatus(now, 'deployed', { atMs, clock, username: '', message: 'its system was seen with its address' })
        : { kind: 'change', fields: {}, events: [] },
    );
    this.#tell(outcome);
  }

  /** Has a machine's power switched, as a person asks; the answer comes before it is. */
  switchPower(systemId: string, task: PowerTask, by: Actor): MachineChangeOutcome<CommandRefusal> {
    const { store } = this.#parts;
    const atMs = this.#now();
    const outcome = store.changeMachine<CommandRefusal>(systemId, atMs, (machine) => {
      if (this.#switches(machine)) return decidePower(machine, task, by, atMs);
      return { kind: 'refuse', refusal: { reason: 'power-by-hand', text: byHandText(machine) } };
    });
    return this.#tell(outcome);
  }

  /** Takes how switching a machine ended; what waits for it goes on, or fails by the words of the driver. */
  powerSwitched(systemId: string, result: PowerResult): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    const its = { machines: { systemIds: [systemId] }, limit: EVENTS_LOOKED_MAX };
    const terms = { atMs, clock, hasStarted: result.kind === 'unknown' && hasStartedSince(store.listEvents(its)) };
    return this.#tell(store.changeMachine<never>(systemId, atMs, (machine) => decidePowerEnd(machine, result, terms)));
  }

  /** Takes what was seen of a machine's power. @param text why nobody could say; empty: somebody could */
  powerSeen(systemId: string, state: PowerState, text: string): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    return this.#tell(
      store.changeMachine<never>(systemId, atMs, (machine) => decidePowerSeen(machine, state, text, { atMs, clock })),
    );
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
    const heard = seen === '' ? 'nothing was heard of it' : `last seen: ${seen}`;
    const isWritten = machine.status === 'deploying' && !machine.netboot;
    const last = isWritten ? `its disk was written, and its system was not seen; ${heard}` : heard;
    // A sign of life, or a command, came in between.
    if (row.failed === undefined || (machine.statusDeadlineMs ?? Infinity) >= atMs) {
      return { kind: 'change', fields: {}, events: [] };
    }
    const waiting = this.#switches(machine) ? awaitPower(machine, atMs) : undefined;
    if (waiting !== undefined) return waiting;
    const leaving = this.#switches(machine) ? switchSilentRescue(machine, atMs) : undefined;
    if (leaving !== undefined) return leaving;
    const again = (machine.work?.attempts ?? 0) === 0 ? '' : ', also when it was started again';
    const message = `${row.name} did not end within ${counted(row.timeoutMinutes ?? 0, 'minute')}${again}; ${last}`;
    return this.#endHung(machine, whyInDoubt(machine) ?? message, atMs);
  }

  /** What hung is started again, or has failed. */
  #endHung(machine: Machine, message: string, atMs: number): Change {
    const { clock, retries } = this.#parts;
    const { status, work } = machine;
    const { failed } = statusRow(status);
    if (failed === undefined) return { kind: 'change', fields: {}, events: [] };
    const isUnwritten = status === 'commissioning' || (status === 'deploying' && machine.netboot);
    if (!isUnwritten || work === undefined || work.attempts >= (retries() ?? RETRIES) || !this.#switches(machine)) {
      return failStatus(machine, failed, { atMs, clock, username: '', message });
    }
    const description = `${message}; it is started again`;
    const event: NewMachineEvent = { type: 'NODE_HUNG', description, atMs, username: '' };
    return {
      kind: 'change',
      fields: {
        statusDeadlineMs: deadlineOf(machine.status, atMs),
        statusMessage: description,
        // What hung may still run: its token and its key are worth nothing now.
        bootToken: drawBootToken(clock),
        powerTask: 'cycle',
        work: begunAnew(work, atMs),
      },
      endsKey: true,
      events: [event],
    };
  }

  /** What stands against starting a machine for this. */
  #refuseStart(machine: Machine, { name, deployment }: MachineCommand, by: Actor): CommandRefusal | undefined {
    if (name === 'deploy') return this.#refuseDeployment(machine, deployment, by);
    if (name === 'rescue') return refuseWithoutKey(this.#parts.store, machine.owner ?? by.username, machine);
    return undefined;
  }

  #refuseDeployment(machine: Machine, deployment: Deployment | undefined, by: Actor): CommandRefusal | undefined {
    const refusal = refuseWithoutKey(this.#parts.store, machine.owner ?? by.username, machine);
    if (refusal !== undefined) return refusal;
    if (deployment?.deployBy === 'installer') {
      const { hasInstaller, installProblem } = this.#parts;
      const installed = machineInstalled(machine, deployment, by.username);
      return refuseInstaller(machine, deployment, hasInstaller) ?? refuseAnswers(installed, installProblem);
    }
    const { osystem = '', release = '' } = deployment ?? {};
    if (this.findImage(machine, osystem, release) !== undefined) return undefined;
    const name = `${osystem === '' ? '' : `${osystem}/`}${release}`;
    const text = `there is no image of ${name === '' ? 'any system' : name} for ${machine.architecture}/${machine.subarchitecture}: \`rackboot images make-debian\` makes one, \`rackboot images add\` takes one that you have.`;
    return { reason: 'image-missing', text };
  }

  #diskStarts(systemId: string): DiskStarts {
    return readDiskStarts(
      this.#parts.store.listEvents({ machines: { systemIds: [systemId] }, limit: EVENTS_LOOKED_MAX }),
      this.#parts.clock.wallTimeMs(),
    );
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

function byHandText({ hostname, powerType, powerIsProposed }: Machine): string {
  if (powerIsProposed === true) {
    return `${hostname} has named its power controller itself, and nobody has accepted it yet: accept the machine, or set its power.`;
  }
  const why = ['', 'manual'].includes(powerType) ? '' : `, for there is no power driver ${powerType}`;
  return `${hostname} is switched by hand${why}: press its button; \`rackboot power set\` gives it a driver.`;
}

/** A failure that no word of the machine or of a driver has told yet: the log says why. */
function failStatus(
  machine: Machine,
  to: MachineStatus,
  terms: StatusChangeTerms & { readonly message: string },
): Change {
  const { message: description, atMs, username } = terms;
  const change = enterStatus(machine, to, terms);
  const why: NewMachineEvent = { type: 'NODE_STATUS_EVENT', level: 'error', description, atMs, username };
  return { ...change, events: [why, ...change.events] };
}

/** The work of a machine that is started again: how far it was says nothing any more. */
function begunAnew(
  { stage: _stage, message: _message, doneBytes: _done, totalBytes: _total, ...work }: MachineWork,
  atMs: number,
): MachineWork {
  // A start that is told late is one of before.
  return { ...work, waitsForBoot: false, attempts: work.attempts + 1, boots: 0, bootMs: atMs };
}
