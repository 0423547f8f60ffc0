// Predicts what a machine would get now: it builds the machine's DISCOVER and passes it to the functions that answer real ones, then
// does the same for each path that its loader would request. Pure: nothing is sent, stored, offered or published.
//
//   client of a kind ─ DISCOVER ─ decide ─ the offered file ─ resolveBootAsset ─ the loader's configuration ─ decideStep ─ kernel
//
// 1. Each line says what the machine would get and why; an obstacle also names its remedy.
// 2. Files on another server are not checked, and the line says so.

import { findArchitecture } from '../../boot/architectures.ts';
import type { AssetContext } from '../../boot/asset.ts';
import { resolveBootAsset } from '../../boot/asset.ts';
import { decideStep } from '../../boot/decision.ts';
import { findEndpointFor, findHttpBootEndpoint, formatBaseUrl } from '../../boot/endpoint.ts';
import { formatConfigPath } from '../../boot/paths.ts';
import type { Instant } from '../../clock.ts';
import { isBuiltInLoader } from '../../config/absent-loaders.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { decide } from '../../dhcp/answers/decide.ts';
import type { DhcpState } from '../../dhcp/answers/inquiry.ts';
import type { DhcpEvent } from '../../dhcp/events/events.ts';
import { findReservation } from '../../dhcp/leases/allocate.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { ClientCondition } from '../../dhcp/networks/conditions.ts';
import type { Reservation } from '../../dhcp/networks/config.ts';
import { codesFrom } from '../../dhcp/networks/configured-options.ts';
import { awayFrom } from '../../dhcp/networks/machine-home.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import type { DhcpMessage } from '../../dhcp/wire/message.ts';
import { findNamedOption } from '../../dhcp/wire/option-table.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { ANY, formatIpv4, formatNetwork, type Ipv4, type MacAddress, networkContains } from '../../net/address.ts';
import { type ForeseenCode, type ForeseenParams, foreseenText, networkPlaceText } from '../../region/reports/hints.ts';

import { CLIENT_KINDS, type ClientKind, type ClientName, discover, type ShownSigns } from './clients.ts';

/** The inputs of a prediction. */
export interface Foresight {
  readonly config: RackConfig;
  readonly dhcp: DhcpState;
  readonly assets: AssetContext;
  readonly now: Instant;
}

/** One thing that a machine would or would not get. */
interface ForesightLine {
  readonly topic: string;
  readonly text: string;
  /** The remedy; undefined if nothing is wrong. */
  readonly remedy?: string | undefined;
  /** False if the boot stops here. */
  readonly ok: boolean;
}

/** The boot that a machine with one kind of firmware would get in one network. */
export interface ForeseenBoot {
  readonly client: ClientName;
  readonly title: string;
  readonly network: string;
  readonly lines: readonly ForesightLine[];
}

/** The files that the built-in loaders need next to them. */
const COMPANIONS: Readonly<Record<string, string>> = {
  'lpxelinux.0': 'ldlinux.c32',
  'bootx64.efi': 'grubx64.efi',
  'bootaa64.efi': 'grubaa64.efi',
  'bootia32.efi': 'grubia32.efi',
};

/** Predicts one boot in each network where the machine could be; empty if no network is served. */
export function foreseeBoot(
  mac: MacAddress,
  client: ClientName,
  foresight: Foresight,
  signs: ShownSigns = {},
): readonly ForeseenBoot[] {
  const kind = { ...CLIENT_KINDS[client], ...signs };
  return networksOf(mac, foresight).map((served) => {
    const { name, network, interfaceName } = served.subnet;
    const place = networkPlaceText(name, formatNetwork(network), interfaceName);
    return {
      client,
      title: kind.title,
      network: place,
      lines: new Explanation(mac, kind, served, foresight).lines(),
    };
  });
}

/** The networks where it has a lease or a fixed address; without either, all served networks. */
function networksOf(mac: MacAddress, { dhcp }: Foresight): readonly ServedSubnet[] {
  const served = dhcp.subnets.served;
  const shown = dhcp.leases.findAllByMac(mac);
  const own = served.filter(
    (one) =>
      shown.some(({ address }) => networkContains(one.subnet.network, address)) ||
      findReservation(one, { mac }) !== undefined,
  );
  return own.length > 0 ? own : served;
}

/** True for a reservation that matches fields which only a message of the client shows. */
const reservationNeedsMessage = ({ clientId, duid, circuitId, remoteId }: Reservation): boolean =>
  [clientId, duid, circuitId, remoteId].some((part) => part !== undefined);

const conditionNeedsMessage = ({ hostnames, circuitId, userClass }: ClientCondition): boolean =>
  hostnames !== undefined || circuitId !== undefined || userClass !== undefined;

class Explanation {
  readonly #mac: MacAddress;
  readonly #client: ClientKind;
  readonly #served: ServedSubnet;
  readonly #foresight: Foresight;
  readonly #machine: RackMachine | undefined;
  /** Its newest lease in this network; undefined if it never had one. */
  readonly #shown: Lease | undefined;
  readonly #reservation: Reservation | undefined;
  readonly #lines: ForesightLine[] = [];

  constructor(mac: MacAddress, client: ClientKind, served: ServedSubnet, foresight: Foresight) {
    this.#mac = mac;
    this.#client = client;
    this.#served = served;
    this.#foresight = foresight;
    this.#machine = foresight.dhcp.machines.findByMac(mac);
    this.#shown = foresight.dhcp.leases
      .findAllByMac(mac)
      .filter(({ address }) => networkContains(served.subnet.network, address))
      .toSorted((a, b) => b.grantedAt - a.grantedAt)[0];
    this.#reservation = findReservation(served, { ...this.#shown, mac });
  }

  lines(): readonly ForesightLine[] {
    const event = this.#offer();
    // In proxy mode another server gives the address.
    const address = event?.address ?? (event?.proxied === true ? ANY : undefined);
    if (event === undefined || address === undefined) return this.#lines;
    const local = this.#local();
    this.#home();
    if (this.#loader(event, local)) this.#configuration(address, local);
    this.#name();
    return this.#lines;
  }

  /** Adds a line: an obstacle if its code has a remedy. */
  #add<C extends ForeseenCode>(topic: string, code: C, params: ForeseenParams[C]): void {
    const { text, remedy } = foreseenText(code, params);
    this.#lines.push({ topic, text, ...(remedy === undefined ? { ok: true } : { remedy, ok: false }) });
  }

  /** Adds a line with this text. */
  #addText(topic: string, text: string): void {
    this.#lines.push({ topic, text, ok: true });
  }

  /** The rack's address given to the machine; behind a relay, the first address of the rack. */
  #local(): Ipv4 {
    const [own = ANY] = this.#foresight.dhcp.subnets.ownAddresses;
    return this.#served.subnet.serverAddress ?? own;
  }

  #offer(): DhcpEvent | undefined {
    const { dhcp, now } = this.#foresight;
    const { interfaceName } = this.#served.subnet;
    const behind = interfaceName === undefined ? this.#served.subnet : undefined;
    const uuid = this.#foresight.assets.uuidOf?.(this.#mac);
    const message = discover(this.#mac, this.#client, behind, uuid, this.#shown);
    const arrival = { interfaceName, localAddress: interfaceName === undefined ? this.#local() : ANY };
    const decision = decide(message, arrival, dhcp, now);
    const { event } = decision;
    if (decision.kind !== 'reply' || event === undefined) {
      const reason = decision.kind === 'pass' ? decision.reason : event?.reason;
      this.#add('address', 'address-refused', { reason, classes: event?.classes });
      return undefined;
    }
    if (event.contradiction !== undefined) this.#add('note', 'doubt', event);
    if (event.classes !== undefined) this.#addText('classes', event.classes);
    if (event.proxied === true) {
      this.#add('address', 'address-elsewhere', {});
      return event;
    }
    const { address, source, leaseSeconds } = event;
    const given = address === undefined ? undefined : formatIpv4(address);
    this.#add('address', 'address', { address: given, source, leaseSeconds });
    this.#options(decision.message);
    if (this.#shown === undefined) this.#unseen();
    return event;
  }

  /** Adds a line if this is not the machine's home network. */
  #home(): void {
    const machine = this.#machine;
    const { config } = this.#foresight;
    const { network, name } = this.#served.subnet;
    const away = machine && awayFrom(machine, network.address, config.dhcp);
    if (machine === undefined || away === undefined || machine.statusName === 'New') return;
    const { hostname, bootToken } = machine;
    const code = bootToken === undefined ? 'home-work' : 'home-token';
    this.#add('home', code, { network: name, away, hostname, rack: config.name });
  }

  /**
   * Names the reservations and classes that cannot be judged before the client's first lease here: they depend on fields that only its
   * messages show.
   */
  #unseen(): void {
    const { reservations, classes = [] } = this.#served.subnet;
    const unseen = {
      reservation: reservations.some(reservationNeedsMessage),
      class: classes.some(({ when }) => conditionNeedsMessage(when)),
    };
    if (unseen.reservation || unseen.class) this.#add('not known', 'unseen', unseen);
  }

  /** Names the configured options that apply to it. The DISCOVER requests none, so all of them are named. */
  #options({ options }: DhcpMessage): void {
    const ofClasses = (this.#served.subnet.classes ?? []).map((one) => one.options);
    const codes = codesFrom([this.#reservation?.options, ...ofClasses, this.#served.subnet.options], options);
    const named = codes.map((code) => `${code} ${findNamedOption(code)?.name ?? ''}`.trim());
    if (named.length > 0) this.#add('options', 'options', { options: named });
  }

  /** @returns false when the boot cannot continue */
  #loader(event: DhcpEvent, local: Ipv4): boolean {
    const { file, fileServer } = event;
    const { config, assets } = this.#foresight;
    if (file === undefined) {
      const isNeeded = event.client !== 'u-boot';
      if (isNeeded) this.#noLoader(local);
      else this.#add('loader', 'no-loader-needed', { architecture: this.#client.code });
      return !isNeeded;
    }
    const isElsewhere = fileServer !== undefined && fileServer !== formatIpv4(local) && !file.includes('://');
    if (isElsewhere) {
      this.#add('loader', 'loader-configured', { file, server: fileServer });
      return true;
    }
    const name = this.#nameInTree(file, local);
    const boot = { event };
    if (name === undefined) {
      this.#add('loader', 'loader-elsewhere', boot);
      return true;
    }
    const byTftp = !file.includes('://');
    if (byTftp && !config.tftp.listen.includes(local)) {
      this.#add('loader', 'loader-unserved', { ...boot, local: formatIpv4(local) });
      return false;
    }
    const asset = resolveBootAsset({ path: name, peer: ANY, local }, assets);
    if (asset.kind === 'file' && !assets.hasFile(asset.path)) {
      const { code, cpu } = this.#client;
      const isOurs = isBuiltInLoader(name) || findArchitecture(code)?.loader === name;
      this.#add('loader', 'loader-absent', { ...boot, cpu: isOurs ? cpu : undefined });
      return false;
    }
    const from = byTftp ? formatIpv4(local) : undefined;
    this.#add('loader', 'loader', { ...boot, local: from, isInTree: asset.kind === 'file' });
    const architecture = findArchitecture(this.#client.code);
    if (architecture?.remark !== undefined && architecture.loader === name) this.#addText('note', architecture.remark);
    const companion = COMPANIONS[name];
    if (companion !== undefined && !assets.hasFile(companion)) {
      this.#add('loader', 'companion-absent', { file: name, companion, cpu: this.#client.cpu });
    }
    return true;
  }

  #noLoader(local: Ipv4): void {
    const { code, vendorClass } = this.#client;
    const byHttp = vendorClass.startsWith('HTTPClient');
    if (byHttp && findEndpointFor(this.#foresight.config.boot.http, local) === undefined)
      this.#add('loader', 'no-http', {});
    else this.#add('loader', 'no-loader', { architecture: code });
  }

  #nameInTree(file: string, local: Ipv4): string | undefined {
    if (!file.includes('://')) return file;
    const { http } = this.#foresight.config.boot;
    const own = [findHttpBootEndpoint(http, local), findEndpointFor(http, local)];
    const base = own.map((one) => one && `${formatBaseUrl(one)}/`).find((one) => one && file.startsWith(one));
    return base === undefined ? undefined : file.slice(base.length);
  }

  #configuration(address: Ipv4, local: Ipv4): void {
    const { assets, config } = this.#foresight;
    const { language, cpu } = this.#client;
    const path = formatConfigPath(
      language,
      this.#machine === undefined
        ? { kind: 'default', architecture: language === 'pxelinux' ? undefined : cpu }
        : { kind: 'mac', mac: this.#mac },
    );
    if (path === undefined) return;
    if (assets.hasFile(path)) {
      this.#add('configuration', 'configuration-in-tree', { path });
      return;
    }
    const asset = resolveBootAsset({ path, peer: address, local }, assets);
    const purpose = asset.kind === 'rendered' ? asset.purpose : asset.kind;
    this.#add('configuration', 'configuration', { path, purpose, machine: this.#machine });
    if (purpose === 'enlist' && this.#machine === undefined) this.#enlistment();
    const endpoint = findEndpointFor(config.boot.http, local);
    const { step } = decideStep(
      {
        machine: this.#machine,
        architecture: cpu,
        subarchitecture: undefined,
        baseUrl: endpoint === undefined ? undefined : formatBaseUrl(endpoint),
      },
      assets,
    );
    if (step.kind === 'kernel') {
      this.#add('kernel', 'in-tree', { path: step.image.kernel });
      this.#add('initrd', 'in-tree', { path: step.image.initrd });
      this.#addText('arguments', step.words.join(' '));
    } else if (step.kind === 'explain') {
      const [text = '', remedy = ''] = step.lines.map((line) => line.replace(/\.$/, ''));
      this.#lines.push({ topic: 'kernel', text, remedy, ok: false });
    } else this.#add('then', step.kind === 'local' ? 'boots-disk' : 'powers-off', {});
  }

  /** Adds an obstacle if the region may refuse the machine's report. The limit of a remote region is not known here. */
  #enlistment(): void {
    const { config, dhcp } = this.#foresight;
    const fresh = dhcp.machines.all.filter(({ statusName }) => statusName === 'New').length;
    const { newMachinesMax } = config.region;
    if (config.uplink.mode !== 'embedded' || fresh < newMachinesMax) return;
    this.#add('enlistment', 'newcomers-limit', { count: fresh, max: newMachinesMax });
  }

  #name(): void {
    const { subnet } = this.#served;
    const hostname = this.#machine?.hostname ?? this.#reservation?.hostname;
    const domain = this.#machine?.domain ?? subnet.domain;
    this.#add('name', 'name', { hostname, domain });
  }
}
