// The wires of this host, for rooms that ask them something: whether somebody uses an address, who was heard, who looks for an IPv6
// router. The net worker does the work; without it, or without the privilege, nothing is heard and every question is refused at once.
//
// 1. `canProbe` is true only where a probe can be made now: link up, hardware address, privilege. Asking costs a look into a set.
// 2. Every probe ends, within ANSWER_MS_MAX; at most PROBES_WAITING_MAX wait.

import type { Clock, Timer } from '../clock.ts';
import { RackError } from '../errors.ts';
import type { Owner } from '../kept-apart.ts';
import { type Ipv4, isHostMac, type MacAddress } from './address.ts';
import { PROBES_MAX } from './arp-probes.ts';
import type { HostInterface } from './host-interface.ts';
import type { Sighting } from './neighbours.ts';
import type { FromNetWorker, Solicitation, ToNetWorker } from './net-message.ts';

/** The longest a probe may take: what it takes by itself and a thread that is busy. */
const ANSWER_MS_MAX = 2000;
export const PROBES_WAITING_MAX: number = PROBES_MAX;

/** Who is told what is heard. */
export interface WireListener {
  onSightings(sightings: readonly Sighting[]): void;
  /** A machine looks for an IPv6 router. */
  onSolicitation(solicitation: Solicitation): void;
  /** Somebody else is an IPv6 router behind this interface. */
  onRouter(interfaceName: string, mac: MacAddress): void;
  /** An advertisement left; `code` is empty, or why it did not. */
  onAdvertised(solicitation: Solicitation, code: string): void;
}

/** The wires behind some interfaces. */
export interface Wire {
  /** Listens behind these interfaces, in place of those before. */
  serve(interfaceNames: readonly string[]): void;
  /** Has `listener` told from now on, in place of the one before. */
  listen(listener: WireListener): void;
  /** True where `findUser` can be asked. */
  canProbe(interfaceName: string): boolean;
  /**
   * Asks by ARP who uses an address; undefined: nobody answered.
   * @throws RackError `native-unavailable` where it cannot be asked
   */
  findUser(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined>;
  /** Tells a machine that there is no IPv6 router. */
  advertise(solicitation: Solicitation): void;
  /** A machine boots: its solicitations are told whatever else is on the wire. */
  booting(mac: MacAddress, owner: Owner): void;
}

interface Waiting {
  readonly resolve: (user: MacAddress | undefined) => void;
  readonly reject: (error: RackError) => void;
  readonly timer: Timer;
}

/** The wires as the net worker hears them. */
export class ThreadWire implements Wire {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  readonly #up = new Set<string>();
  #names: readonly string[] = [];
  #tell: ((message: ToNetWorker) => void) | undefined;
  #listener: WireListener | undefined;
  #senses = { arp: 'no thread listens', routers: 'no thread listens' };
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What cannot be done here and what follows from it, one sentence each. */
  get notes(): readonly string[] {
    const { arp, routers } = this.#senses;
    const notes: string[] = [];
    if (arp !== '')
      notes.push(
        `Addresses are offered without asking the wire whether somebody uses them, because ARP cannot be heard here (${arp}); it needs CAP_NET_RAW.`,
      );
    if (routers !== '')
      notes.push(
        `iPXE waits about 13 s for an IPv6 router where there is none, because it cannot be answered here (${routers}); that needs CAP_NET_RAW.`,
      );
    return notes;
  }

  /** The thread runs and takes commands; undefined: it has ended. */
  connect(tell: ((message: ToNetWorker) => void) | undefined): void {
    this.#tell = tell;
    if (tell !== undefined) {
      if (this.#names.length > 0) tell({ kind: 'serve', names: this.#names });
      return;
    }
    this.#senses = { arp: 'no thread listens', routers: 'no thread listens' };
    for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined, false);
  }

  /** The host's interfaces have changed. */
  interfacesChanged(interfaces: readonly HostInterface[]): void {
    this.#up.clear();
    for (const { name, mac, up, carrier } of interfaces) {
      if (mac !== undefined && isHostMac(mac) && up && carrier) this.#up.add(name);
    }
  }

  /** Takes what the thread says of the wires. */
  take(message: Exclude<FromNetWorker, { kind: 'interfaces' }>): void {
    if (message.kind === 'senses') this.#senses = { arp: message.arp, routers: message.routers };
    else if (message.kind === 'probed') this.#settle(message.id, message.user, message.made);
    else if (message.kind === 'sightings') this.#listener?.onSightings(message.sightings);
    else if (message.kind === 'solicitation') this.#listener?.onSolicitation(message.solicitation);
    else if (message.kind === 'router') this.#listener?.onRouter(message.interfaceName, message.mac);
    else this.#listener?.onAdvertised(message.solicitation, message.code);
  }

  serve(interfaceNames: readonly string[]): void {
    if (interfaceNames.join() === this.#names.join()) return;
    this.#names = [...interfaceNames];
    this.#tell?.({ kind: 'serve', names: this.#names });
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
  }

  canProbe(interfaceName: string): boolean {
    return this.#tell !== undefined && this.#senses.arp === '' && this.#up.has(interfaceName);
  }

  findUser(address: Ipv4, interfaceName: string): Promise<MacAddress | undefined> {
    const tell = this.#tell;
    if (tell === undefined || !this.canProbe(interfaceName) || this.#waiting.size >= PROBES_WAITING_MAX) {
      return Promise.reject(cannotProbe());
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.schedule(ANSWER_MS_MAX, () => this.#settle(id, undefined, false));
      this.#waiting.set(id, { resolve, reject, timer });
      tell({ kind: 'probe', id, address, interfaceName });
    });
  }

  advertise(solicitation: Solicitation): void {
    this.#tell?.({ kind: 'advertise', ...solicitation });
  }

  booting(mac: MacAddress, owner: Owner): void {
    this.#tell?.({ kind: 'booting', mac, owner });
  }

  #settle(id: number, user: MacAddress | undefined, made: boolean): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    if (made) waiting.resolve(user);
    else waiting.reject(cannotProbe());
  }
}

function cannotProbe(): RackError {
  return new RackError('native-unavailable', 'the wire cannot be asked by ARP at present');
}
