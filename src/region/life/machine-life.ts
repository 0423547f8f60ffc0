// Machines' life cycle: applies commands, signals, signs of life, deadlines and the outcomes of power tasks.
//
//   command (commands.ts) ─┐
//   signal (signal.ts) ────┼─► one transaction: state, deadline, owner, addresses, log ─► racks are updated ─► power follows
//   deadline, lease, power ┘
//
// 1. All state is in the store, so deadlines survive a crash.
// 2. Of two simultaneous commands, the second finds the state after the first, and the refusal names it.
// 3. A hung machine is restarted automatically RETRIES times, and only before its disk is written. A machine that boots from the network
//    again and again is hung too, whatever signs of life it shows.
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
import { refusal } from '../words/refusal.ts';
import { type Actor, type CommandRefusal, type Deployment, decideCommand, type MachineCommand } from './commands.ts';
import { type DeployableImage, type FindImage, type ListImages, refuseImage } from './deployment.ts';
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

/** How often a hung machine is restarted, unless the configuration says otherwise. */
const RETRIES = 1;
/** Overdue machines handled at a time; the others follow at the next check. */
const OVERDUE_MAX = 50;
/** Recent events examined for one machine. */
const EVENTS_LOOKED_MAX = 200;
/** Distributions tried, in this order, for a release named without one. */
const SYSTEMS = ['debian', 'ubuntu', 'custom'] as const;

export interface LifeParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly deadlines: StatusDeadlines;
  readonly racks: Pick<Racks, 'list' | 'imagesOf'>;
  /** `undefined` if only people switch machines. */
  readonly power: Pick<PowerControl, 'switches'> | undefined;
  /** `undefined` if there is no image store. */
  readonly findImage: FindImage | undefined;
  readonly listImages?: ListImages | undefined;
  /** `undefined` if it is unknown which installers exist. */
  readonly hasInstaller?: HasInstaller | undefined;
  /** Why a machine's preseed cannot be rendered; its result is `undefined` if it can. */
  readonly installProblem?: ((machine: Machine) => string | undefined) | undefined;
  /** How often hung work is restarted; its result `undefined` means RETRIES. */
  readonly retries: () => number | undefined;
  /** Called after each change. */
  readonly onChange: (machine: Machine) => void;
}

/** Further options of a command. */
export interface CommandOptions {
  /** The requested address; `undefined`: any. */
  readonly address?: Ipv4 | undefined;
}

export class MachineLife {
  readonly #parts: LifeParts;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  /** Carries out a person's command, or returns why not. */
  command(
    systemId: string,
    command: MachineCommand,
    by: Actor,
    options: CommandOptions = {},
  ): MachineChangeOutcome<CommandRefusal> {
    const { clock, store, racks } = this.#parts;
    const atMs = this.#now();
    const outcome = store.changeMachine<CommandRefusal>(systemId, atMs, (machine, _isTaken, knowledge) => {
      // A command to a New machine accepts its proposed power settings (`status-change.ts`), and may already switch it with them.
      const isAccepted = machine.status === 'new' && by.username !== '';
      const switches = this.#switches(isAccepted ? { ...machine, ...acceptedPower(machine) } : machine);
      const terms = { atMs, clock, by, switches };
      const change = decideCommand(machine, command, terms);
      if (change.kind === 'refuse') return change;
      const refused = this.#refuseStart(machine, command, by);
      if (refused !== undefined) return { kind: 'refuse', refusal: refused };
      const isAsked = options.address !== undefined || machine.addresses.length === 0;
      const needsAddress = command.name === 'allocate' || (command.name === 'deploy' && isAsked);
      if (!needsAddress) return change;
      const chosen = chooseAddresses(machine, racks.list(), knowledge, options.address, by.isAdmin);
      return chosen.kind === 'refuse' ? chosen : { ...change, addresses: chosen.addresses };
    });
    return this.#announce(outcome);
  }

  /** Allocates the first of these machines that is available; undefined: none. */
  allocate(
    candidates: Iterable<Machine>,
    by: Actor,
    options: CommandOptions = {},
  ): MachineChangeOutcome<CommandRefusal> | undefined {
    for (const { systemId } of candidates) {
      const outcome = this.command(systemId, { name: 'allocate' }, by, options);
      // Already allocated by another request, or removed: try the next one.
      const isPassing = outcome.kind === 'refuse' && outcome.refusal.name === 'transition-not-allowed';
      if (outcome.kind !== 'not-found' && !isPassing) return outcome;
    }
    return undefined;
  }

  /** The image for a deployment; undefined: none. */
  findImage(machine: Machine, osystem: string, release: string): DeployableImage | undefined {
    const { architecture, subarchitecture } = machine;
    const { racks, clock } = this.#parts;
    const available = imagesForMachine(machine, {
      racks: racks.list(),
      imagesOf: (uuid) => racks.imagesOf(uuid),
      nowMs: clock.wallTimeMs(),
    });
    for (const os of osystem === '' ? SYSTEMS : [osystem]) {
      const found = this.#parts.findImage?.({ os, release, architecture, subarchitecture }, available);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes a machine's signal. The caller has verified that the machine sent it. */
  signal(systemId: string, signal: Signal): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    return this.#announce(
      store.changeMachine<never>(systemId, atMs, (machine) =>
        decideSignal(machine, signal, atMs, clock, this.#switches(machine)),
      ),
    );
  }

  /** Lets a machine in Deploying boot from the network again, even if its disk is written. */
  startFromNetwork(systemId: string): MachineChangeOutcome<never> {
    const { store } = this.#parts;
    const atMs = this.#now();
    return this.#announce(
      store.changeMachine<never>(systemId, atMs, ({ status, netboot }) => {
        if (status !== 'deploying' || netboot) return { kind: 'change', fields: {}, events: [] };
        const description = 'it asks to boot from the network again';
        const event: NewMachineEvent = { type: 'NODE_INSTALL_EVENT', description, atMs, username: '' };
        return { kind: 'change', fields: { netboot: true }, events: [event] };
      }),
    );
  }

  /** Takes a sign of life: a machine that boots or fetches its job is at work, so the time limit of its state starts again. */
  alive(systemId: string, seenMs: number): void {
    const { store } = this.#parts;
    const nowMs = this.#now();
    const machine = store.findMachine(systemId);
    if (machine === undefined || this.#failsToStart(machine, nowMs)) return;
    const waits = machine.work?.waitsForBoot === true;
    // Activity from before this work began does not count.
    if (waits && seenMs < machine.statusSinceMs) return;
    // A rack whose clock is ahead must not extend the time limit.
    const deadline = deadlineOf(machine.status, Math.min(seenMs, nowMs));
    // A late report must not shorten it.
    if (deadline === undefined || deadline <= (machine.statusDeadlineMs ?? 0)) return;
    const begun =
      waits && machine.work !== undefined
        ? { work: { ...machine.work, waitsForBoot: false }, statusMessage: 'it has started' }
        : {};
    const fields = { statusDeadlineMs: deadline, ...begun };
    store.changeMachine<never>(systemId, nowMs, () => ({ kind: 'change', fields, events: [] }));
  }

  /** Takes a start from the network. A machine that starts again and again without a signal is hung. */
  started(systemId: string, seenMs: number): void {
    const { store } = this.#parts;
    const atMs = this.#now();
    const found = store.findMachine(systemId);
    if (found === undefined || countBoot(found, seenMs) === undefined) return;
    const outcome = store.changeMachine<never>(systemId, atMs, (machine) => {
      const work = countBoot(machine, seenMs);
      if (work === undefined) return { kind: 'change', fields: {}, events: [] };
      if (work.boots <= BOOTS_MAX) return { kind: 'change', fields: { work }, events: [] };
      const why = `it booted from the network ${counted(work.boots, 'time')} without a signal from its work`;
      return this.#endHung(machine, why, atMs);
    });
    // A changed count alone is not announced.
    if (outcome.kind === 'changed' && (outcome.machine.work?.boots ?? 0) === 0) this.#announce(outcome);
  }

  /** Fails the deployment of a machine that keeps booting from the network instead of its written disk. @returns true if it failed */
  #failsToStart(machine: Machine, atMs: number): boolean {
    if (machine.status !== 'deploying' || machine.netboot) return false;
    const { starts } = this.#diskStarts(machine.systemId);
    if (starts <= DISK_STARTS_MAX) return false;
    const message = `its disk does not start: the machine was told ${counted(starts, 'time')} to boot it, and came back to the network each time`;
    const { clock, store } = this.#parts;
    const terms = { atMs, clock, username: '', message };
    const outcome = store.changeMachine<never>(machine.systemId, atMs, (now) =>
      now.status === 'deploying' && !now.netboot
        ? failStatus(now, 'failed-deployment', terms)
        : { kind: 'change', fields: {}, events: [] },
    );
    this.#announce(outcome);
    return true;
  }

  /** Takes a lease event: a machine whose disk is written becomes Deployed if its installed system took or renewed the address. */
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
    this.#announce(outcome);
  }

  /** Records a person's power task; the answer comes before the machine is switched. */
  switchPower(systemId: string, task: PowerTask, by: Actor): MachineChangeOutcome<CommandRefusal> {
    const { store } = this.#parts;
    const atMs = this.#now();
    const outcome = store.changeMachine<CommandRefusal>(systemId, atMs, (machine) => {
      if (this.#switches(machine)) return decidePower(machine, task, by, atMs);
      return { kind: 'refuse', refusal: refuseByHand(machine) };
    });
    return this.#announce(outcome);
  }

  /** Takes the outcome of a power task: work that waits for it continues, or fails with the driver's message. */
  powerSwitched(systemId: string, result: PowerResult): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    const its = { machines: { systemIds: [systemId] }, limit: EVENTS_LOOKED_MAX };
    const terms = { atMs, clock, hasStarted: result.kind === 'unknown' && hasStartedSince(store.listEvents(its)) };
    const outcome = store.changeMachine<never>(systemId, atMs, (machine) => decidePowerEnd(machine, result, terms));
    return this.#announce(outcome);
  }

  /** Takes an observed power state. @param text why the query failed; empty if it succeeded */
  powerSeen(systemId: string, state: PowerState, text: string): MachineChangeOutcome<never> {
    const { clock, store } = this.#parts;
    const atMs = this.#now();
    return this.#announce(
      store.changeMachine<never>(systemId, atMs, (machine) => decidePowerSeen(machine, state, text, { atMs, clock })),
    );
  }

  /** Fails the states in progress that have lasted too long, or restarts their work. */
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
      this.#announce(outcome);
    }
  }

  #end(machine: Machine, seen: string, atMs: number): Change {
    const row = statusRow(machine.status);
    const heard = seen === '' ? 'no sign of life' : `last seen: ${seen}`;
    const isWritten = machine.status === 'deploying' && !machine.netboot;
    const last = isWritten ? `its disk was written, but its system was not seen; ${heard}` : heard;
    // A sign of life or a command came first.
    if (row.failed === undefined || (machine.statusDeadlineMs ?? Infinity) >= atMs) {
      return { kind: 'change', fields: {}, events: [] };
    }
    const waiting = this.#switches(machine) ? awaitPower(machine, atMs) : undefined;
    if (waiting !== undefined) return waiting;
    const leaving = this.#switches(machine) ? switchSilentRescue(machine, atMs) : undefined;
    if (leaving !== undefined) return leaving;
    const again = (machine.work?.attempts ?? 0) === 0 ? '' : ', even after a restart';
    const message = `${row.name} did not end within ${counted(row.timeoutMinutes ?? 0, 'minute')}${again}; ${last}`;
    return this.#endHung(machine, whyInDoubt(machine) ?? message, atMs);
  }

  /** Restarts hung work, or fails it. */
  #endHung(machine: Machine, message: string, atMs: number): Change {
    const { clock, retries } = this.#parts;
    const { status, work } = machine;
    const { failed } = statusRow(status);
    if (failed === undefined) return { kind: 'change', fields: {}, events: [] };
    const isUnwritten = status === 'commissioning' || (status === 'deploying' && machine.netboot);
    if (!isUnwritten || work === undefined || work.attempts >= (retries() ?? RETRIES) || !this.#switches(machine)) {
      return failStatus(machine, failed, { atMs, clock, username: '', message });
    }
    const description = `${message}; restarting it`;
    const event: NewMachineEvent = { type: 'NODE_HUNG', description, atMs, username: '' };
    return {
      kind: 'change',
      fields: {
        statusDeadlineMs: deadlineOf(machine.status, atMs),
        statusMessage: description,
        // The hung system may still run, so its token and key are revoked.
        bootToken: drawBootToken(clock),
        powerTask: 'cycle',
        work: restarted(work, atMs),
      },
      endsKey: true,
      events: [event],
    };
  }

  /** Why a command that starts the machine is refused; `undefined` if it may start. */
  #refuseStart(machine: Machine, { name, deployment }: MachineCommand, by: Actor): CommandRefusal | undefined {
    if (name === 'deploy') return this.#refuseDeployment(machine, deployment, by);
    if (name === 'rescue') return refuseWithoutKey(this.#parts.store, machine.owner ?? by.username, machine);
    return undefined;
  }

  #refuseDeployment(machine: Machine, deployment: Deployment | undefined, by: Actor): CommandRefusal | undefined {
    const keyless = refuseWithoutKey(this.#parts.store, machine.owner ?? by.username, machine);
    if (keyless !== undefined) return keyless;
    if (deployment?.deployBy === 'installer') {
      const { hasInstaller, installProblem } = this.#parts;
      const installed = machineInstalled(machine, deployment, by.username);
      return refuseInstaller(machine, deployment, hasInstaller) ?? refuseAnswers(installed, installProblem);
    }
    const { osystem = '', release = '' } = deployment ?? {};
    if (this.findImage(machine, osystem, release) !== undefined) return undefined;
    return refuseImage(machine, osystem, release, this.#parts.listImages?.() ?? []);
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

  #announce<R>(outcome: MachineChangeOutcome<R>): MachineChangeOutcome<R> {
    if (outcome.kind === 'changed') this.#parts.onChange(outcome.machine);
    return outcome;
  }
}

function refuseByHand({ hostname, powerType, powerIsProposed }: Machine): CommandRefusal {
  if (powerIsProposed === true) return refusal('power-by-hand.proposed', { machine: hostname });
  const driver = ['', 'manual'].includes(powerType) ? undefined : powerType;
  return refusal('power-by-hand.driver', { machine: hostname, driver });
}

/** Enters a failed state, and logs the reason, which no signal or driver has reported. */
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

/** The work of a restarted machine, without its former progress. */
function restarted(
  { stage: _stage, message: _message, doneBytes: _done, totalBytes: _total, ...work }: MachineWork,
  atMs: number,
): MachineWork {
  // `bootMs` makes late reports of earlier starts count as old.
  return { ...work, waitsForBoot: false, attempts: work.attempts + 1, boots: 0, bootMs: atMs };
}
