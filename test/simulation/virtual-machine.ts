// Connects a simulated machine to a virtual wire.

import { ANY, type Ipv4, type MacAddress } from '../../src/ground/address.ts';
import type { Clock, Timer } from '../../src/ground/clock.ts';
import type { MachineAction, MachineInput, MachineOutcome } from '../../src/lab/machine-actions.ts';
import type { SimulatedMachine } from '../../src/lab/simulated-machine.ts';
import type { VirtualWire, WirePeer } from './virtual-wire.ts';

/** Answers one HTTP request of a machine. */
export type ServeHttp = (
  request: {
    readonly method: 'GET' | 'POST';
    readonly url: string;
    readonly body: string | undefined;
    readonly fields: Readonly<Record<string, string>>;
  },
  peer: Ipv4,
) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

const TFTP_PORT = 69;
const DHCP_PORT = 67;

export class WiredMachine implements WirePeer {
  readonly mac: MacAddress;
  address: Ipv4 = ANY;
  outcome: MachineOutcome | undefined;
  readonly steps: string[] = [];
  readonly #machine: SimulatedMachine;
  readonly #wire: VirtualWire;
  readonly #clock: Clock;
  readonly #serveHttp: ServeHttp;
  #timer: Timer | undefined;
  #tftpPort = 10_000;
  #transfer = 0;
  #request = 0;
  #isUnplugged = false;

  constructor(machine: SimulatedMachine, mac: MacAddress, wire: VirtualWire, clock: Clock, serveHttp: ServeHttp) {
    this.#machine = machine;
    this.mac = mac;
    this.#wire = wire;
    this.#clock = clock;
    this.#serveHttp = serveHttp;
    wire.peers.push(this);
  }

  powerOn(): void {
    this.#input({ kind: 'power-on' });
  }

  /** Cuts its power: it stops, and leaves the wire. */
  unplug(): void {
    this.#isUnplugged = true;
    this.#timer?.cancel();
    this.#request += 1;
    const place = this.#wire.peers.indexOf(this);
    if (place >= 0) this.#wire.peers.splice(place, 1);
  }

  onDhcp(bytes: Uint8Array): void {
    this.#input({ kind: 'dhcp', bytes });
  }

  onTftp(bytes: Uint8Array, from: Ipv4, fromPort: number, toPort: number): void {
    if (toPort === this.#tftpPort) this.#input({ kind: 'tftp', bytes, from, fromPort });
  }

  #input(input: MachineInput): void {
    if (this.#isUnplugged) return;
    for (const action of this.#machine.handle(input, this.#clock.now())) this.#perform(action);
    this.#timer?.cancel();
    const { deadline } = this.#machine;
    if (deadline === undefined) return;
    this.#timer = this.#clock.schedule(Math.max(0, deadline - this.#clock.now()), () =>
      this.#input({ kind: 'timeout' }),
    );
  }

  #perform(action: MachineAction): void {
    switch (action.kind) {
      case 'broadcast':
        this.#wire.broadcast(action.bytes, DHCP_PORT);
        break;
      case 'address':
        this.address = action.address;
        break;
      case 'tftp':
        if (action.transfer !== this.#transfer) {
          this.#transfer = action.transfer;
          this.#tftpPort += 1;
        }
        this.#wire.toRack(
          action.bytes,
          this.address,
          this.#tftpPort,
          action.to,
          action.port === 0 ? TFTP_PORT : action.port,
        );
        break;
      case 'http':
        this.#fetch(action);
        break;
      case 'step':
        this.steps.push(`${action.step.name}: ${action.step.text}`);
        break;
      case 'off':
        this.outcome = action.outcome;
        break;
    }
  }

  #fetch({ method, url, body, fields = {} }: Extract<MachineAction, { kind: 'http' }>): void {
    this.#request += 1;
    const own = this.#request;
    const input = (value: MachineInput): void => {
      if (own === this.#request) this.#input(value);
    };
    this.#wire.carryHttp(
      () => this.#serveHttp({ method, url, body, fields }, this.address),
      (answer) => input({ kind: 'http', ...answer }),
      () => input({ kind: 'http-failed', reason: 'the connection was lost' }),
    );
  }
}
