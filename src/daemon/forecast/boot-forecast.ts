// Predicts what a machine would get now: it builds the machine's DISCOVER and passes it to the
// functions that answer real ones, then does the same for each path that its loader would request.
// Pure: nothing is sent, stored, offered or published.
//
//   client of a kind ─ DISCOVER ─ decide ─ the offered file ─ resolveBootAsset ─ the loader's configuration ─ decideStep ─ kernel
//
// 1. Each line says what the machine would get and why; an obstacle also names its remedy.
// 2. Files on another server are not checked, and the line says so.

import { z } from 'zod';
import { type Cpu, findArchitecture, loadersCommand } from '../../boot/architectures.ts';
import type { AssetContext, BootAsset } from '../../boot/asset.ts';
import { resolveBootAsset } from '../../boot/asset.ts';
import { homeText, planText, purposeText } from '../../boot/boot-words.ts';
import { findEndpointFor, findHttpBootEndpoint, formatBaseUrl } from '../../boot/endpoint.ts';
import { type ConfigIdentity, formatConfigPath, isUrl } from '../../boot/paths.ts';
import type { BootStep } from '../../boot/step.ts';
import { isBuiltInLoader } from '../../config/absent-loaders.ts';
import { composeGrubCommand } from '../../config/old-grub.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { decide } from '../../dhcp/answers/decide.ts';
import type { DhcpState } from '../../dhcp/answers/inquiry.ts';
import type { DhcpEvent } from '../../dhcp/events/events.ts';
import { ALLOCATION_REASONS, dhcpReason, doubtText } from '../../dhcp/events/sentences.ts';
import { findReservation } from '../../dhcp/leases/allocate.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { ClientCondition } from '../../dhcp/networks/conditions.ts';
import type { Reservation } from '../../dhcp/networks/config.ts';
import { codesFrom } from '../../dhcp/networks/configured-options.ts';
import { awayFrom } from '../../dhcp/networks/machine-home.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import type { DhcpMessage } from '../../dhcp/wire/message.ts';
import { findNamedOption } from '../../dhcp/wire/option-table.ts';
import { ANY, formatIpv4, formatNetwork, type Ipv4, type MacAddress, networkContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { unreachable } from '../../ground/errors.ts';
import type { Frozen } from '../../ground/fields.ts';
import { formatSpan } from '../../ground/quantity.ts';
import type { RackMachine } from '../../machines/machine.ts';
import { CLIENT_KINDS, CLIENT_NAMES, type ClientKind, type ClientName, discover, type ShownSigns } from './clients.ts';

/** The inputs of a prediction. */
export interface ForecastInputs {
  readonly config: RackConfig;
  readonly dhcp: DhcpState;
  readonly assets: AssetContext;
  /** As `findOldGrub` of the tree; default: none is old. */
  readonly oldGrub?: ((name: string) => string | undefined) | undefined;
  readonly now: Instant;
}

/** One thing that a machine would or would not get. */
const forecastLine = z.object({ topic: z.string(), text: z.string(), remedy: z.string().optional(), ok: z.boolean() });
type ForecastLine = Readonly<z.output<typeof forecastLine>>;

/** The boot that a machine with one kind of firmware would get in one network. */
export const bootForecast = z.object({
  client: z.enum(CLIENT_NAMES),
  title: z.string(),
  network: z.string(),
  lines: z.array(forecastLine),
});
export type BootForecast = Frozen<z.output<typeof bootForecast>>;

/** The files that the built-in loaders need next to them. */
const COMPANIONS: Readonly<Record<string, string>> = {
  'lpxelinux.0': 'ldlinux.c32',
  'bootx64.efi': 'grubx64.efi',
  'bootaa64.efi': 'grubaa64.efi',
  'bootia32.efi': 'grubia32.efi',
};

/** Predicts one boot in each network where the machine could be; empty if no network is served. */
export function forecastBoot(
  mac: MacAddress,
  client: ClientName,
  inputs: ForecastInputs,
  signs: ShownSigns = {},
): readonly BootForecast[] {
  const kind = { ...CLIENT_KINDS[client], ...signs };
  return listPossibleNetworks(mac, inputs).map((served) => {
    const { name, network, interfaceName } = served.subnet;
    const place = `${name}, ${formatNetwork(network)}${interfaceName === undefined ? ', relayed' : ` on ${interfaceName}`}`;
    return {
      client,
      title: kind.title,
      network: place,
      lines: new Explanation(mac, kind, served, inputs).lines(),
    };
  });
}

/** The networks where it has a lease or a fixed address; without either, all served networks. */
function listPossibleNetworks(mac: MacAddress, { dhcp }: ForecastInputs): readonly ServedSubnet[] {
  const served = dhcp.subnets.served;
  const ownLeases = dhcp.leases.findAllByMac(mac);
  const own = served.filter(
    (candidate) =>
      ownLeases.some(({ address }) => networkContains(candidate.subnet.network, address)) ||
      findReservation(candidate, { mac }) !== undefined,
  );
  return own.length > 0 ? own : served;
}

/** True for a reservation that matches fields which only a message of the client shows. */
const reservationNeedsMessage = ({ clientId, duid, circuitId, remoteId }: Reservation): boolean =>
  [clientId, duid, circuitId, remoteId].some((part) => part !== undefined);

const conditionNeedsMessage = ({ hostnames, circuitId, userClass }: ClientCondition): boolean =>
  hostnames !== undefined || circuitId !== undefined || userClass !== undefined;

const fetchLoaders = (cpu: Cpu): string => `\`sudo ${loadersCommand(cpu)}\` puts the loaders there`;

/** Why a boot file was chosen. */
function choiceText(event: DhcpEvent): string {
  if (event.fileServer !== undefined) return ', set by configured options';
  const why = planText(event);
  return why === '' ? '' : ` (${why})`;
}

/** Divides a sentence that ends with its remedy, after a semicolon. */
function divided(sentence: string): readonly [problem: string, remedy: string] {
  const [problem = '', remedy = ''] = sentence.split('; ');
  return [problem, remedy];
}

const describeFileLocation = (file: string): string =>
  isUrl(file) ? `${file}, not checked` : `${file}, in the boot tree`;
const IMAGE_TOPICS = { iso: 'disc', disk: 'disk', efi: 'program' } as const;

class Explanation {
  readonly #mac: MacAddress;
  readonly #client: ClientKind;
  readonly #served: ServedSubnet;
  readonly #inputs: ForecastInputs;
  readonly #machine: RackMachine | undefined;
  /** Its newest lease in this network; undefined if it never had one. */
  readonly #newestLease: Lease | undefined;
  readonly #reservation: Reservation | undefined;
  readonly #lines: ForecastLine[] = [];

  constructor(mac: MacAddress, client: ClientKind, served: ServedSubnet, inputs: ForecastInputs) {
    this.#mac = mac;
    this.#client = client;
    this.#served = served;
    this.#inputs = inputs;
    this.#machine = inputs.dhcp.machines.findByMac(mac);
    this.#newestLease = inputs.dhcp.leases
      .findAllByMac(mac)
      .filter(({ address }) => networkContains(served.subnet.network, address))
      .toSorted((a, b) => b.grantedAt - a.grantedAt)[0];
    this.#reservation = findReservation(served, { ...this.#newestLease, mac });
  }

  lines(): readonly ForecastLine[] {
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

  #add(topic: string, text: string): void {
    this.#lines.push({ topic, text, ok: true });
  }

  #stop(topic: string, text: string, remedy: string): void {
    this.#lines.push({ topic, text, remedy, ok: false });
  }

  /** The rack's address given to the machine; behind a relay, the first address of the rack. */
  #local(): Ipv4 {
    const [own = ANY] = this.#inputs.dhcp.subnets.ownAddresses;
    return this.#served.subnet.serverAddress ?? own;
  }

  #offer(): DhcpEvent | undefined {
    const { dhcp, now } = this.#inputs;
    const { interfaceName } = this.#served.subnet;
    const behind = interfaceName === undefined ? this.#served.subnet : undefined;
    const uuid = this.#inputs.assets.signsOf?.(this.#mac)?.uuid;
    const message = discover(this.#mac, this.#client, behind, uuid, this.#newestLease);
    const arrival = { interfaceName, localAddress: interfaceName === undefined ? this.#local() : ANY };
    const decision = decide(message, arrival, dhcp, now);
    const { event } = decision;
    if (decision.kind !== 'reply' || event === undefined) {
      const reason = decision.kind === 'pass' ? decision.reason : event?.reason;
      const [problem, remedy] = divided(dhcpReason(reason));
      this.#stop(
        'address',
        `none: ${problem}${event?.classes === undefined ? '' : `: ${event.classes}`}`,
        remedy === '' ? 'look up this reason in docs/reference/events.md' : remedy,
      );
      return undefined;
    }
    const { address, source, leaseSeconds, contradiction, client, architecture } = event;
    if (contradiction !== undefined) this.#add('note', doubtText({ contradiction, client, architecture }));
    if (event.classes !== undefined) this.#add('classes', event.classes);
    if (event.proxied === true) {
      this.#add('address', 'from another DHCP server: this network is in proxy mode');
      return event;
    }
    const why = source === undefined ? '' : ` (${ALLOCATION_REASONS[source]})`;
    const term = leaseSeconds === undefined ? '' : ` for ${formatSpan(leaseSeconds * 1000)}`;
    this.#add('address', `${address === undefined ? '' : formatIpv4(address)}${why}${term}`);
    this.#options(decision.message);
    if (this.#newestLease === undefined) this.#unseen();
    return event;
  }

  #home(): void {
    const machine = this.#machine;
    const { config } = this.#inputs;
    const { network, name } = this.#served.subnet;
    const away = machine && awayFrom(machine, network.address, config.dhcp);
    if (machine === undefined || away === undefined || machine.statusName === 'New') return;
    const { hostname, bootToken } = machine;
    const where = `this network is ${name}, its home is ${homeText(away)}`;
    const move = `if it was moved, run: rackboot machines move ${hostname} ${config.name} --network ${name}`;
    if (bootToken === undefined) this.#add('home', `${where}: new work must start there; ${move}`);
    else this.#stop('home', `${where}: it gets no boot token here`, move);
  }

  /**
   * Names the reservations and classes that cannot be judged before the client's first lease here:
   * they depend on fields that only its messages show.
   */
  #unseen(): void {
    const { reservations, classes = [] } = this.#served.subnet;
    const unseen = [
      ...(reservations.some(reservationNeedsMessage) ? ['a reservation by client_id, duid or port'] : []),
      ...(classes.some(({ when }) => conditionNeedsMessage(when))
        ? ['a class by its hostname, port or user class']
        : []),
    ];
    if (unseen.length > 0) this.#add('not known', `before its first lease: whether it has ${unseen.join(' or ')}`);
  }

  /** Names the configured options that apply to it. The DISCOVER requests none, so all of them are named. */
  #options({ options }: DhcpMessage): void {
    const ofClasses = (this.#served.subnet.classes ?? []).map((clientClass) => clientClass.options);
    const codes = codesFrom([this.#reservation?.options, ...ofClasses, this.#served.subnet.options], options);
    const named = codes.map((code) => `${code} ${findNamedOption(code)?.name ?? ''}`.trim());
    if (named.length > 0) this.#add('options', `${named.join(', ')} (if requested or forced)`);
  }

  /** @returns false when the boot cannot continue */
  #loader(event: DhcpEvent, local: Ipv4): boolean {
    const { file, fileServer } = event;
    const { config, assets } = this.#inputs;
    if (file === undefined) {
      if (event.client !== 'u-boot') {
        this.#noLoader(local);
        return false;
      }
      const asks = 'so it asks for pxelinux.cfg/… itself (pxe get)';
      this.#add('loader', `none is set in boot.loaders as ${this.#client.code}: FILE, ${asks}`);
      return true;
    }
    const isElsewhere = fileServer !== undefined && fileServer !== formatIpv4(local) && !file.includes('://');
    if (isElsewhere) {
      this.#add('loader', `${file} by TFTP from ${fileServer}, set by configured options; not checked there`);
      return true;
    }
    const name = this.#nameInTree(file, local);
    const why = choiceText(event);
    if (name === undefined) {
      this.#add('loader', `${file}${why}; on another server, not checked`);
      return true;
    }
    const byTftp = !file.includes('://');
    if (byTftp && !config.tftp.listen.includes(local)) {
      this.#stop('loader', `${file}${why}: TFTP does not listen on ${formatIpv4(local)}`, 'add it to tftp.listen');
      return false;
    }
    const asset = resolveBootAsset({ path: name, peer: ANY, local }, assets);
    if (asset.kind === 'file' && !assets.hasFile(asset.path)) {
      const { code, cpu } = this.#client;
      const isOurs = isBuiltInLoader(name) || findArchitecture(code)?.loader === name;
      this.#stop('loader', `${file}${why}: it is not in the boot tree`, isOurs ? fetchLoaders(cpu) : 'put it there');
      return false;
    }
    const from = byTftp ? ` by TFTP from ${formatIpv4(local)}` : '';
    this.#add('loader', `${file}${from}${why}${asset.kind === 'file' ? '; it is in the boot tree' : ''}`);
    const companion = COMPANIONS[name];
    if (companion !== undefined && !assets.hasFile(companion)) {
      const text = `${name} needs ${companion} next to it, which is not in the boot tree`;
      this.#stop('loader', text, fetchLoaders(this.#client.cpu));
    } else if (companion !== undefined && !byTftp) this.#grub(companion);
    return true;
  }

  #grub(name: string): void {
    const old = this.#inputs.oldGrub?.(name);
    if (old === undefined) return;
    const remedy = `\`${composeGrubCommand(this.#client.cpu)}\` puts a newer one there, once yours is moved away`;
    this.#stop('loader', `${old}, which stops at its prompt after HTTP boot`, remedy);
  }

  #noLoader(local: Ipv4): void {
    const { code, vendorClass } = this.#client;
    const byHttp = vendorClass.startsWith('HTTPClient');
    if (byHttp && findHttpBootEndpoint(this.#inputs.config.boot, local) === undefined) {
      this.#stop('loader', 'none: it boots by HTTP, and boot.http.listen has no address here', 'add one');
      return;
    }
    this.#stop('loader', `none for architecture ${code}`, `set one in boot.loaders as ${code}: FILE`);
  }

  #nameInTree(file: string, local: Ipv4): string | undefined {
    if (!file.includes('://')) return file;
    const { boot } = this.#inputs.config;
    const own = [findHttpBootEndpoint(boot, local), findEndpointFor(boot.http, local)];
    const base = own
      .map((endpoint) => endpoint && `${formatBaseUrl(endpoint)}/`)
      .find((endpoint) => endpoint && file.startsWith(endpoint));
    return base === undefined ? undefined : file.slice(base.length);
  }

  #configuration(address: Ipv4, local: Ipv4): void {
    const { language, cpu } = this.#client;
    const assets: AssetContext = { ...this.#inputs.assets, macOf: () => this.#mac };
    const byDefault = { kind: 'default', architecture: cpu } as const;
    const resolve = (identity: ConfigIdentity): BootAsset =>
      resolveBootAsset({ path: formatConfigPath(language, identity) ?? '', peer: address, local }, assets);
    const own = resolve({ kind: 'mac', mac: this.#mac });
    const asksAgain = own.kind === 'missing' || (own.kind === 'rendered' && own.step.kind === 'chain');
    const asset = asksAgain && this.#machine === undefined ? resolve(byDefault) : own;
    if (asset.kind === 'refused') return;
    const { path } = asset;
    if (assets.hasFile(path)) {
      this.#add('configuration', `${path}: the file of that name in the boot tree overrides the region`);
      return;
    }
    const purpose = asset.kind === 'rendered' ? asset.purpose : asset.kind;
    const machine = this.#machine;
    const because = purpose.startsWith('profile')
      ? 'a profile takes the place of its life'
      : machine === undefined
        ? 'the region does not know it'
        : `${machine.hostname} is ${machine.statusName}`;
    this.#add('configuration', `${path}: told ${purposeText(purpose)}, because ${because}`);
    if (purpose === 'enlist' && machine === undefined) this.#enlistment();
    if (asset.kind === 'rendered') this.#step(asset.step);
  }

  #step(step: BootStep): void {
    switch (step.kind) {
      case 'menu': {
        const [first, ...others] = step.entries;
        this.#add('menu', `for ${step.seconds} s: ${others.map(({ title }) => title).join(', ')}; then as follows`);
        if (first !== undefined) this.#step(first.step);
        return;
      }
      case 'kernel':
        this.#add('kernel', describeFileLocation(step.kernel));
        for (const { file } of step.initrds) this.#add('initrd', describeFileLocation(file));
        this.#add('arguments', step.words.join(' '));
        return;
      case 'image':
        this.#add(IMAGE_TOPICS[step.form], describeFileLocation(step.file));
        return;
      case 'script':
        this.#add('script', counted(step.lines.length, 'line'));
        return;
      case 'ipxe':
        this.#add('then', `it starts iPXE (${step.file}), which asks again and does the rest`);
        return;
      case 'explain': {
        const [text = '', remedy = ''] = step.lines.map((line) => line.replace(/\.$/, ''));
        this.#stop('kernel', text, remedy);
        return;
      }
      case 'local':
        this.#add('then', 'it boots its own disk');
        return;
      case 'poweroff':
        this.#add('then', 'it powers off');
        return;
      case 'chain':
        return;
      default:
        unreachable(step);
    }
  }

  /**
   * Adds an obstacle if the region may refuse the machine's report. The limit of a remote region is
   * not known here.
   */
  #enlistment(): void {
    const { config, dhcp } = this.#inputs;
    const fresh = dhcp.machines.all.filter(({ statusName }) => statusName === 'New').length;
    const { newMachinesMax } = config.region;
    if (config.uplink.mode !== 'embedded' || fresh < newMachinesMax) return;
    this.#stop(
      'enlistment',
      `its report may be refused: ${counted(fresh, 'machine is', 'machines are')} New, and the limit is ${newMachinesMax}`,
      'accept or delete some, or raise region.new_machines_max',
    );
  }

  #name(): void {
    const { subnet } = this.#served;
    const hostname = this.#machine?.hostname ?? this.#reservation?.hostname;
    const domain = this.#machine?.domain ?? subnet.domain;
    const full = `${hostname}${domain === '' ? '' : `.${domain}`}`;
    this.#add('name', hostname === undefined ? `the name it reports, under ${domain}` : full);
  }
}
