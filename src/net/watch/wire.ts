// The wires of this host, as other rooms use them: who uses an address, who was heard, who looks
// for an IPv6 router. The net worker does the work; without it or the privilege, nothing is heard
// and probes are refused at once.
//
// 1. `canProbe` costs a look-up in a set, and is true only if a probe is possible now: interface
//    up, hardware address, privilege.
// 2. While the worker starts, probes wait at most WAKE_MS_MAX, and `notes` is empty.
// 3. Every probe that the worker was given ends within ANSWER_MS_MAX; at most PROBES_WAITING_MAX wait.
// 4. A second question about an address gets the answer of the first.

import { type Ipv4, isHostMac, type MacAddress } from '../../ground/address.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import type { HostInterface } from '../host-interface.ts';
import type { HostNote } from '../host-note.ts';
import type { Owner } from '../shares/kept-apart.ts';
import { PROBES_MAX } from './arp-probes.ts';
import type { Sighting } from './neighbours.ts';
import type { FromNetWorker, Solicitation, ToNetWorker, WakeRequest } from './net-message.ts';

/** The longest a probe may take, in milliseconds: a probe's own duration plus the delay of a busy thread. */
const ANSWER_MS_MAX = 2000;
/** How long probes wait for the worker to start, in milliseconds. */
const WAKE_MS_MAX = 10_000;
export const PROBES_WAITING_MAX: number = PROBES_MAX;

export interface WireListener {
  onSightings(sightings: readonly Sighting[]): void;
  /** A machine looks for an IPv6 router. */
  onSolicitation(solicitation: Solicitation): void;
  onRouter(interfaceName: string, mac: MacAddress): void;
  /** `code` is the error, or empty. */
  onAdvertised(solicitation: Solicitation, code: string): void;
}

export interface Wire {
  serve(interfaceNames: readonly string[]): void;
  /** Replaces the listener. */
  listen(listener: WireListener): void;
  canProbe(interfaceName: string): boolean;
  /**
   * Asks by ARP which host uses an address; `undefined` if none answered.
   * @throws RackError `native-unavailable` if the wire cannot be probed
   */
  findUser(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined>;
  /** Sends a magic packet. The interface must be one that can be probed. */
  wake(request: WakeRequest): void;
  /** Tells a machine that there is no IPv6 router. */
  advertise(solicitation: Solicitation): void;
  /** Notes a booting host: its solicitations are reported whatever else is on the wire. */
  noteBooting(mac: MacAddress, owner: Owner): void;
}

interface PendingProbe {
  readonly resolve: (user: MacAddress | undefined) => void;
  readonly reject: (error: RackError) => void;
  readonly address: Ipv4;
  readonly interfaceName: string;
  readonly answer: Promise<MacAddress | undefined>;
  /** `undefined` if the worker has not been asked yet. */
  timer: Timer | undefined;
}

const ABSENT_SENSES = { arp: 'no thread listens', routers: 'no thread listens' } as const;

export class ThreadWire implements Wire {
  readonly #clock: Clock;
  readonly #pendingProbes = new Map<number, PendingProbe>();
  readonly #upInterfaces = new Set<string>();
  #names: readonly string[] = [];
  #send: ((message: ToNetWorker) => void) | undefined;
  #listener: WireListener | undefined;
  #phase: 'absent' | 'waking' | 'awake' = 'absent';
  #senses: Pick<Extract<FromNetWorker, { kind: 'senses' }>, 'arp' | 'routers'> = ABSENT_SENSES;
  #wakeTimer: Timer | undefined;
  #onSettled: (() => void) | undefined;
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `listener` once, when the worker's start has succeeded or failed. */
  whenSettled(listener: () => void): void {
    if (this.#phase === 'waking') this.#onSettled = listener;
    else listener();
  }

  /** Empty while the worker starts. */
  get notes(): readonly HostNote[] {
    if (this.#phase === 'waking') return [];
    const { arp, routers } = this.#senses;
    return [
      ...(arp === '' ? [] : [{ note: 'arp-unheard', reason: arp } as const]),
      ...(routers === '' ? [] : [{ note: 'routers-unanswered', reason: routers } as const]),
    ];
  }

  expect(): void {
    this.#phase = 'waking';
    this.#senses = { arp: '', routers: '' };
    this.#wakeTimer = this.#clock.schedule(WAKE_MS_MAX, () => this.#settleAs('absent'));
  }

  /** @param send `undefined` if the thread has ended, or does not start */
  connect(send: ((message: ToNetWorker) => void) | undefined): void {
    this.#send = send;
    if (send !== undefined) {
      if (this.#names.length > 0) send({ kind: 'serve', names: this.#names });
      return;
    }
    this.#settleAs('absent');
  }

  #settleAs(phase: 'absent' | 'awake'): void {
    this.#phase = phase;
    this.#wakeTimer?.cancel();
    this.#wakeTimer = undefined;
    if (phase === 'absent') this.#senses = ABSENT_SENSES;
    for (const id of [...this.#pendingProbes.keys()]) {
      if (phase === 'awake' && this.#senses.arp === '') this.#ask(id);
      else this.#settle(id, undefined, false);
    }
    const listener = this.#onSettled;
    this.#onSettled = undefined;
    listener?.();
  }

  interfacesChanged(interfaces: readonly HostInterface[]): void {
    this.#upInterfaces.clear();
    for (const { name, mac, up, carrier } of interfaces) {
      if (mac !== undefined && isHostMac(mac) && up && carrier) this.#upInterfaces.add(name);
    }
  }

  receive(message: FromNetWorker): void {
    if (message.kind === 'senses') this.#senses = { arp: message.arp, routers: message.routers };
    else if (message.kind === 'interfaces') {
      // The thread has reported what it can hear, and can probe.
      if (this.#phase !== 'awake') this.#settleAs('awake');
    } else if (message.kind === 'probed') this.#settle(message.id, message.user, message.isSent);
    else if (message.kind === 'sightings') this.#listener?.onSightings(message.sightings);
    else if (message.kind === 'solicitation') this.#listener?.onSolicitation(message.solicitation);
    else if (message.kind === 'router') this.#listener?.onRouter(message.interfaceName, message.mac);
    else this.#listener?.onAdvertised(message.solicitation, message.code);
  }

  serve(interfaceNames: readonly string[]): void {
    if (interfaceNames.join() === this.#names.join()) return;
    this.#names = [...interfaceNames];
    this.#send?.({ kind: 'serve', names: this.#names });
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  canProbe(interfaceName: string): boolean {
    return this.#phase !== 'absent' && this.#senses.arp === '' && this.#upInterfaces.has(interfaceName);
  }

  findUser(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined> {
    if (!this.canProbe(interfaceName)) return Promise.reject(cannotProbeError());
    for (const probe of this.#pendingProbes.values())
      if (probe.address === address && probe.interfaceName === interfaceName) return probe.answer;
    if (this.#pendingProbes.size >= PROBES_WAITING_MAX) return Promise.reject(cannotProbeError());
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise: answer, resolve, reject } = Promise.withResolvers<MacAddress | undefined>();
    this.#pendingProbes.set(id, { resolve, reject, address, interfaceName, answer, timer: undefined });
    if (this.#phase === 'awake') this.#ask(id);
    return answer;
  }

  wake(request: WakeRequest): void {
    this.#send?.({ kind: 'wake', ...request });
  }

  advertise(solicitation: Solicitation): void {
    this.#send?.({ kind: 'advertise', ...solicitation });
  }

  noteBooting(mac: MacAddress, owner: Owner): void {
    this.#send?.({ kind: 'booting', mac, owner });
  }

  #ask(id: number): void {
    const probe = this.#pendingProbes.get(id);
    if (probe === undefined) return;
    const { address, interfaceName } = probe;
    probe.timer = this.#clock.schedule(ANSWER_MS_MAX, () => this.#settle(id, undefined, false));
    this.#send?.({ kind: 'probe', id, address, interfaceName });
  }

  #settle(id: number, user: MacAddress | undefined, isSent: boolean): void {
    const probe = this.#pendingProbes.get(id);
    if (probe === undefined) return;
    this.#pendingProbes.delete(id);
    probe.timer?.cancel();
    if (isSent) probe.resolve(user);
    else probe.reject(cannotProbeError());
  }
}

function cannotProbeError(): RackError {
  return new RackError('native-unavailable', 'the wire cannot be asked by ARP at present');
}
