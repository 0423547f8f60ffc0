// A steady load of renewals, each sent once, that must all be acknowledged: the view of a client without retries.

import { sleep, systemClock, type Timer } from '../../src/clock.ts';
import { BOOT_REQUEST, decodeDhcpMessage, encodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8, u8Bytes } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, type MacAddress, macToBytes } from '../../src/net/address.ts';
import type { DhcpProbes } from './probes.ts';

const PAUSE_MS = 4;
/** How long the answers to the last renewals may take. */
const LAST_MS = 2000;

/** A client and its address. */
export interface Holder {
  readonly mac: MacAddress;
  readonly address: Ipv4;
}

/** Renews one lease every PAUSE_MS, alternating between RENEWING (unicast) and REBINDING (broadcast). */
export class SteadyRenewals {
  readonly #probes: DhcpProbes;
  readonly #rack: Ipv4;
  readonly #holders: readonly Holder[];
  readonly #wrong: string[] = [];
  /** Addresses by the xid of the message that waits for its reply. */
  readonly #waiting = new Map<number, Ipv4>();
  #asked = 0;
  #timer: Timer | undefined;

  constructor(probes: DhcpProbes, rack: Ipv4, holders: readonly Holder[]) {
    this.#probes = probes;
    this.#rack = rack;
    this.#holders = holders;
    probes.onOther = (bytes) => this.#receive(bytes);
    this.#ask();
  }

  /** Ends, and waits for the last replies. `wrong` names each reply that was not an ACK of the right address. */
  async close(): Promise<{ readonly asked: number; readonly lost: number; readonly wrong: readonly string[] }> {
    this.#timer?.cancel();
    for (let waited = 0; waited < LAST_MS && this.#waiting.size > 0; waited += PAUSE_MS) await sleep(PAUSE_MS);
    this.#probes.onOther = () => undefined;
    return { asked: this.#asked, lost: this.#waiting.size, wrong: this.#wrong };
  }

  #ask(): void {
    const holder = this.#holders[this.#asked % this.#holders.length];
    if (holder === undefined) return;
    this.#asked += 1;
    this.#waiting.set(this.#asked, holder.address);
    const bytes = request(this.#asked, holder);
    // A client's renewals alternate, for any number of clients.
    const isUnicast = Math.floor(this.#asked / this.#holders.length) % 2 === 0;
    if (isUnicast) this.#probes.unicast(bytes, this.#rack, holder.address);
    else this.#probes.broadcast(bytes);
    this.#timer = systemClock.schedule(PAUSE_MS, () => this.#ask());
  }

  #receive(bytes: Uint8Array): void {
    const decoded = decodeDhcpMessage(bytes);
    const address = decoded.ok ? this.#waiting.get(decoded.value.xid) : undefined;
    if (!decoded.ok || address === undefined) return;
    const { xid, yiaddr, options } = decoded.value;
    this.#waiting.delete(xid);
    const type = optionU8(options, OPTION.messageType);
    if (type !== MESSAGE_TYPE.ack || yiaddr !== address) {
      this.#wrong.push(`${formatIpv4(address)}: type ${type}, ${formatIpv4(yiaddr)}`);
    }
  }
}

function request(xid: number, { mac, address }: Holder): Uint8Array {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(mac));
  return encodeDhcpMessage(
    {
      op: BOOT_REQUEST,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid,
      secs: 0,
      flags: 0,
      chaddr,
      sname: '',
      file: '',
      ciaddr: address,
      yiaddr: ANY,
      siaddr: ANY,
      giaddr: ANY,
      options: new Map([[OPTION.messageType, u8Bytes(MESSAGE_TYPE.request)]]),
    },
    548,
  ).bytes;
}
