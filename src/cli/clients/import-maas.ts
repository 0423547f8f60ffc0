// `rackboot import-maas URL [APIKEY]`: reads what a running MAAS knows by its API 2.0, and adds it
// to the region of this host by the region's own operations, so that all its checks apply.
//
//   MAAS ─ lists (GET) ─► tables (`maas-objects.ts`) ─► operations of this host's region ─► report
//
// Source: MAAS's API 2.0; OAuth 1.0 with PLAINTEXT (RFC 5849 §3.4.4).
//
// 1. Nothing is changed at the MAAS, and nothing here that exists: it is counted as there. So an
//    import may be repeated.
// 2. A parameter that the region refuses is left out, and named in the report; without a parameter
//    that the object needs, it is refused.
// 3. A machine that may have a system on its disk, whatever its state there, is added as Deployed
//    by one operation, so that at no moment a start from the network would touch the disk or switch
//    the machine off. No operation here switches a machine.
// 4. The source is a stranger's: answers, lists and the report are bounded, what it says is cleaned
//    where it is printed, and it names no path.
// 5. Neither the key nor a parameter of a power driver is printed, except the hosts that switch a machine.
// 6. The source gives nobody rights over what was here: no administrator, no SSH key to a former
//    account, and to former machines no tag and no kernel parameter. What it adds to those who have
//    a say (users, keys, domains, hosts that switch) or that answers (names, nodes) is named.
// 7. Where a domain, a network or a host was here before, the source adds nothing that answers or
//    routes (`#findFormer`): it is left, and named. A name belongs to the most specific domain that
//    holds it, which must be of this import.
// 8. Nodes are what an import is for: one may have a name in a former domain and an address in a
//    former network, but none that may be somebody's.
// 9. What is judged is a text: an object whose key is none is refused.

import { join } from 'node:path';
import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { configuredHostNames } from '../../config/record-faults.ts';
import { refusalLines } from '../../control/field-refusal.ts';
import {
  formatMac,
  formatNetwork,
  type Ipv4Network,
  type Ipv4Range,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseMac,
  parseNetwork,
  rangeContains,
} from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { joinNames } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { type Fields, isFields } from '../../ground/fields.ts';
import { CONTROL_SOCKET } from '../../http/config.ts';
import { computeFingerprint } from '../../region/accounts/ssh-keys.ts';
import { askRegion as askHere, encodeForm } from '../terminal/asking.ts';
import { type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { checkGivenFile } from '../terminal/given-file.ts';
import { print, printAside, printJson, printTable } from '../terminal/output.ts';
import { parseRegionAddress, readApiKey } from './login.ts';
import {
  ABSENT,
  type Absent,
  ADDRESS_KINDS,
  commandFor,
  deviceParameters,
  foreignPowerNames,
  formatObjectTitle,
  interfaceParameters,
  isDeployedHere,
  KINDS,
  type Kind,
  listAt,
  listMacs,
  listUnusableKeys,
  MADE_OF_OTHERS,
  machineParameters,
  objectIdentity,
  ownerData,
  type Parameters,
  parametersFrom,
  pathFor,
  powerHosts,
  type Reach,
  stateHere,
  textAt,
  valueAt,
} from './maas-objects.ts';
import { type AskRegion, askAs, askSocket, jsonIn, type RegionAnswer, unavailable } from './region-request.ts';

/** A MAAS that takes longer for one answer, however slowly it sends, ends the import. */
const ANSWER_MS_MAX = 600_000;
/** Ample for OBJECTS_MAX objects, and for BATCH_MACHINES machines. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Objects of one kind; a MAAS with more is refused. */
const OBJECTS_MAX = 100_000;
/** Machines are read so many at a time: a MAAS takes long for all. */
const BATCH_MACHINES = 50;
/** Further remarks are only counted. */
const REMARKS_MAX = 10_000;
const REMARK_CHARACTERS_MAX = 1000;
const NAMES_SHOWN_MAX = 20;
/** The longest name in DNS (RFC 1035 §2.3.4). */
const NAME_CHARACTERS_MAX = 255;
const KEY_CHARACTERS_MAX = 300;
const PASSWORD_BYTES = 24;
const INTERFACES_MAX = 256;
const SSH_KEYS = 'account/prefs/sshkeys/';
const VLAN_KEY = ['fabric', 'vid'];
/** The beginning of the parameters of a power driver. */
const POWER = 'power_';
const NODE_NEEDS = ['hostname', 'domain', 'mac_addresses', 'architecture'];
const FORM_TYPE = 'application/x-www-form-urlencoded';
const API = '/MAAS/api/2.0/';
/** Statuses of answers that judge what was sent. */
const JUDGED: ReadonlySet<number> = new Set([400, 403, 404, 409]);

interface ImportFlags {
  readonly config: string;
  readonly url: string;
  /** As of `login`. */
  readonly apikey?: string | undefined;
  readonly cacerts?: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

interface Tally {
  added: number;
  there: number;
  refused: number;
}

interface Remark {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

/** Something that was added, or would be. */
interface Named {
  readonly kind: string;
  readonly name: string;
  /** Names and addresses that answer through it. */
  readonly places?: readonly string[];
  /** Of a machine: the hosts that switch it. */
  readonly power?: readonly string[];
}

const problemsShape = z.record(z.string(), z.array(z.string()));

/** @returns 1 if something was refused, left out, or has no counterpart */
export async function importMaas(flags: ImportFlags): Promise<number> {
  const { url } = parseRegionAddress(flags.url);
  if (flags.cacerts !== undefined) checkGivenFile(flags.cacerts);
  const key = await readApiKey(flags.apikey);
  // Says how to start the daemon if none runs.
  await askHere(flags, `${API}version/`);
  const ca = flags.cacerts === undefined ? {} : { ca_file: flags.cacerts };
  const own = askSocket(join(loadStateDir(flags.config).stateDir, CONTROL_SOCKET));
  const run = new Import(
    new Source(url, askAs({ url, key, ...ca })),
    own,
    flags.dryRun,
    listOwnHosts(await findConfig(flags.config)),
  );
  try {
    await run.all();
  } catch (error) {
    run.report(flags.json, false);
    throw error;
  }
  return run.report(flags.json, true);
}

/** The names and the hardware addresses of the rack itself and of its reservations in the configuration. */
interface OwnHosts {
  /** The domains that the configuration forwards. */
  readonly forwarded: readonly string[];
  readonly names: ReadonlySet<string>;
  readonly macs: ReadonlySet<string>;
}

function listOwnHosts({ config }: FoundConfig): OwnHosts {
  const { selfName, domains, forwardZones = [] } = config.dns;
  const names = [
    ...domains.map((domain) => `${selfName}.${domain}`),
    ...configuredHostNames(config).map(({ fqdn }) => fqdn),
  ];
  const reservations = config.dhcp.subnets.flatMap((subnet) => subnet.reservations);
  return {
    forwarded: forwardZones.map(({ domain }) => domain).filter((domain) => domain !== ''),
    names: new Set(names.map((name) => name.toLowerCase())),
    macs: new Set(reservations.flatMap(({ mac }) => (mac === undefined ? [] : [formatMac(mac)]))),
  };
}

const isWithin = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);
const domainName = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');
const macText = (text: string): string => {
  const mac = parseMac(text);
  return mac === undefined ? text : formatMac(mac);
};

/** A subnet that was here before, and what of it was nobody's. */
interface FormerNetwork {
  readonly network: Ipv4Network;
  readonly free: readonly Ipv4Range[];
}

/** A subnet of this region in which nobody has done anything yet: a rack's host is in it. */
const isDiscovered = (object: unknown): boolean => isFields(object) && object.is_discovered === true;

/** The MAAS, of which everything is read by GET. */
class Source {
  readonly url: string;
  readonly #ask: AskRegion;

  constructor(url: string, ask: AskRegion) {
    this.url = url;
    this.#ask = ask;
  }

  /**
   * @returns undefined if this MAAS has no such resource @throws RackError `permission-denied`,
   * `source-failed`, `not-running`
   */
  async read(resource: string, ids: readonly string[] = []): Promise<unknown> {
    const [path = '', own] = resource.split('?');
    const query = new URLSearchParams(own);
    for (const id of ids) query.append('id', id);
    const end = new AbortController();
    const late = systemClock.schedule(ANSWER_MS_MAX, () => end.abort());
    const request = {
      method: 'GET',
      path: `${API}${path}`,
      query,
      signal: end.signal,
      answerBytesMax: ANSWER_BYTES_MAX,
    } as const;
    const answer = await this.#ask(request).finally(() => late.cancel());
    const { status } = answer;
    if (status === 404 || status === 410) return undefined;
    if (status === 401 || status === 403)
      throw new RackError(
        'permission-denied',
        `${this.url} refuses ${path} to this key (${answerWords(answer)}): give the key of an administrator`,
      );
    const value = status === 200 ? jsonIn(answer) : undefined;
    if (value !== undefined) return value;
    const foreign = new RackError(
      'source-failed',
      `${this.url} answers ${status} to ${path}: it is no MAAS with API 2.0`,
    );
    throw unavailable(this.url, answer) ?? foreign;
  }

  async list(resource: string, ids: readonly string[] = []): Promise<readonly Fields[]> {
    const all = await this.read(resource, ids);
    if (all === undefined) return [];
    if (Array.isArray(all) && this.bounded(resource, all).every(isFields)) return all;
    throw new RackError('source-failed', `${this.url} answers no list of objects to ${resource}`);
  }

  bounded<T>(resource: string, all: readonly T[]): readonly T[] {
    if (all.length <= OBJECTS_MAX) return all;
    throw new RackError(
      'limit-reached',
      `${this.url} has more than ${OBJECTS_MAX} objects at ${resource}, the maximum`,
    );
  }
}

/** Why a node is in its state. */
const commentOn = (node: unknown): string => textAt(node, 'error_description') || textAt(node, 'status_message');
const answerWords = ({ body }: RegionAnswer): string => refusalLines(body.toString('utf8')).replaceAll('\n', '; ');
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const objectsIn = (all: readonly unknown[], { within }: Kind): readonly unknown[] =>
  within === undefined ? all : all.flatMap((object) => listAt(object, within));

/** One import, and what became of each object. */
class Import {
  readonly #source: Source;
  readonly #own: AskRegion;
  readonly #isDry: boolean;
  readonly #tallies = new Map<string, Tally>();
  readonly #remarks: Remark[] = [];
  #remarkCount = 0;
  /** The node that is being added; empty: none is. */
  #current = '';
  /** What this run added or would add, by its kind and identity. */
  readonly #added = new Set<string>();
  /** Those of which a person should know; as many as the lists have. */
  readonly #named: Named[] = [];
  /** True if no machine was here before. */
  #isEmpty = false;
  /** The system ids of added nodes, by the tags that they have there. */
  readonly #tagged = new Map<string, string[]>();
  /** The names of the tags here. */
  #tags: readonly string[] = [];
  /** The ids of the VLANs here, by fabric and tag. */
  #vlans: ReadonlyMap<string, string> = new Map();

  readonly #hosts: OwnHosts;
  /** The domains; true: it was here before. */
  readonly #domains = new Map<string, boolean>();
  #defaultDomain = '';
  /** Of hosts, records and domains that were here before. */
  #formerNames: ReadonlySet<string> = new Set();
  #formerNetworks: readonly FormerNetwork[] = [];
  /** The hardware addresses of the nodes that this run added or would add. */
  readonly #addedMacs = new Set<string>();

  constructor(source: Source, own: AskRegion, isDry: boolean, hosts: OwnHosts) {
    this.#source = source;
    this.#own = own;
    this.#isDry = isDry;
    this.#hosts = hosts;
  }

  async all(): Promise<void> {
    const owner = textAt(await this.#source.read('users/?op=whoami'), 'username');
    if (owner === '') throw new RackError('source-failed', `${this.#source.url} is no MAAS with API 2.0`);
    const former = jsonIn(await this.#own({ method: 'GET', path: `${API}machines/?op=power_parameters` }));
    this.#isEmpty = isFields(former) && Object.keys(former).length === 0;
    await this.#lookHere();
    for (const kind of KINDS) await this.#add(kind, owner);
    this.#tags = (await this.#here('tags/')).map((tag) => textAt(tag, 'name'));
    const vlans = (await this.#here('fabrics/')).flatMap((fabric) => listAt(fabric, 'vlans'));
    this.#vlans = new Map(vlans.map((vlan) => [objectIdentity(vlan, VLAN_KEY), textAt(vlan, 'id')]));
    await this.#addMachines();
    for (const device of await this.#source.list('devices/'))
      await this.#addNode('devices', device, deviceParameters(device));
    await this.#tag();
    for (const kind of ADDRESS_KINDS) await this.#add(kind, owner);
    for (const absent of ABSENT) await this.#lookFor(absent);
  }

  /** Notes what is here before anything is added. */
  async #lookHere(): Promise<void> {
    const domains = await this.#here('domains/');
    for (const name of [...domains.map((domain) => textAt(domain, 'name')), ...this.#hosts.forwarded])
      this.#domains.set(domainName(name), true);
    this.#defaultDomain = textAt(
      domains.find((domain) => valueAt(domain, 'is_default') === true),
      'name',
    );
    const records = [...(await this.#here('dnsresources/')), ...(await this.#here('dnsresourcerecords/'))];
    const names = records.map((record) => domainName(textAt(record, 'fqdn')));
    this.#formerNames = new Set([...this.#hosts.names, ...this.#domains.keys(), ...names]);
    const networks: FormerNetwork[] = [];
    for (const subnet of await this.#here('subnets/')) {
      const network = parseNetwork(textAt(subnet, 'cidr'));
      if (network === undefined) continue;
      const free = (await this.#here(`subnets/${textAt(subnet, 'id')}/?op=unreserved_ip_ranges`)).flatMap((range) => {
        const [low, high] = [parseIpv4(textAt(range, 'start')), parseIpv4(textAt(range, 'end'))];
        return low === undefined || high === undefined ? [] : [{ low, high }];
      });
      networks.push({ network, free });
    }
    this.#formerNetworks = networks;
  }

  #tally(kind: string): Tally {
    const tally = this.#tallies.get(kind) ?? { added: 0, there: 0, refused: 0 };
    this.#tallies.set(kind, tally);
    return tally;
  }

  #remark(kind: string, name: string, text: string): void {
    this.#remarkCount += 1;
    if (this.#remarks.length < REMARKS_MAX)
      this.#remarks.push({ kind, name, text: cleanText(text, REMARK_CHARACTERS_MAX) });
  }

  #refuse(kind: string, name: string, text: string): void {
    this.#remark(kind, name, text);
    this.#tally(kind).refused += 1;
  }

  /** The most specific domain that holds a name. */
  #domainOf(name: string): string | undefined {
    if (name.length > NAME_CHARACTERS_MAX) return undefined;
    const labels = name.split('.');
    return labels.map((_, at) => labels.slice(at).join('.')).find((above) => this.#domains.has(above));
  }

  /** Why something is left (rule 7); undefined: nothing that it reaches was here before. */
  async #findFormer(reach: Reach | undefined): Promise<string | undefined> {
    const { domains = [], names = [], networks = [], addresses = [], macs = [] } = reach ?? {};
    for (const domain of domains.map(domainName)) {
      const above = this.#domainOf(domain);
      if (above !== undefined && this.#domains.get(above) === true)
        return `${above} was here before, and it would answer there`;
      const below = this.#hosts.forwarded.find((zone) => isWithin(zone, domain));
      if (below !== undefined) return `${below} is forwarded, and it would answer there`;
      if (isWithin(domain, 'arpa')) return 'it would answer for the addresses of networks';
    }
    for (const name of names.map(domainName)) {
      const above = this.#domainOf(name);
      if (above === undefined) return 'this import added no domain for it';
      if (this.#domains.get(above) === true) return `${above} was here before, and it would answer there`;
      if (this.#formerNames.has(name)) return `${name} was here before`;
    }
    for (const text of networks) {
      const network = parseNetwork(text);
      if (network === undefined) return `${text} is no network`;
      if (this.#formerNetworks.some((former) => networksOverlap(former.network, network)))
        return `${text} was here before, and it would answer or route there`;
    }
    for (const text of addresses) {
      const address = parseIpv4(text);
      if (address === undefined) return `${text} is no IPv4 address`;
      const former = this.#formerNetworks.find(({ network }) => networkContains(network, address));
      if (former !== undefined) return `${formatNetwork(former.network)} was here before, and it would answer there`;
    }
    for (const mac of macs.map(macText))
      if (!this.#addedMacs.has(mac) && (this.#hosts.macs.has(mac) || (await this.#isRegistered([mac]))))
        return `the host ${mac} was here before`;
    return undefined;
  }

  async #isRegistered(macs: readonly string[]): Promise<boolean> {
    const path = `${API}machines/?op=is_registered&${encodeForm({ mac_address: macs })}`;
    return jsonIn(await this.#own({ method: 'GET', path })) === true;
  }

  /** A list of this region, without discovered subnets; empty if it is of a user who is not here yet. */
  async #here(path: string): Promise<readonly unknown[]> {
    const answer = await this.#own({ method: 'GET', path: `${API}${path}` });
    return asList(jsonIn(answer)).filter((object) => !isDiscovered(object));
  }

  /** @param owner the user of the key: a MAAS shows the SSH keys of no other */
  async #add(kind: Kind, owner: string): Promise<void> {
    const { plural, list, key, parameters, change, withheld = {}, isWholeIfEmpty } = kind;
    const isOfOwner = list === SSH_KEYS;
    const there = this.#source.bounded(list, objectsIn(await this.#source.list(list), kind));
    const ownList = isOfOwner ? `${list}?${encodeForm({ username: owner })}` : (kind.here ?? list);
    const here = new Set(objectsIn(await this.#here(ownList), kind).map((object) => objectIdentity(object, key)));
    const left = isWholeIfEmpty === true && this.#isEmpty ? [] : Object.keys(withheld);
    const needs = Object.keys(parameters).filter((name) => key.includes(parameters[name] ?? ''));
    for (const original of there) {
      if (!isFields(original) || kind.isMeant?.(original) === false) continue;
      // Of the source, it could be used to sign in here.
      const object = {
        ...original,
        password: Buffer.from(systemClock.randomBytes(PASSWORD_BYTES)).toString('base64url'),
        ...(isOfOwner ? { username: owner } : {}),
      };
      const identity = objectIdentity(object, key);
      const title = isOfOwner ? keyTitle(identity, owner) : formatObjectTitle(object, key);
      const odd = listUnusableKeys(object, key);
      if (odd.length > 0) {
        this.#refuse(plural, title, `refused: its ${odd.join(', ')} is no text`);
        continue;
      }
      const sent = Object.fromEntries(
        Object.entries(parametersFrom(object, parameters)).filter(([name]) => !left.includes(name)),
      );
      if (!here.has(identity)) {
        here.add(identity);
        if (isOfOwner && !this.#added.has(`users ${owner}`)) {
          const command = commandFor(object, 'rackboot sshkeys add FILE --username {username}');
          this.#refuse(plural, title, `the account was here before; to add the key: \`${command}\``);
          continue;
        }
        const former = await this.#findFormer(kind.reachOf?.(object));
        if (former !== undefined) {
          this.#refuse(plural, title, `left: ${former}`);
          continue;
        }
        const path = pathFor(object, kind.add ?? list);
        const isAdded = this.#isDry || (await this.#send(plural, title, path, sent, needs)) !== undefined;
        this.#tally(plural)[isAdded ? 'added' : 'refused'] += 1;
        if (!isAdded) continue;
        this.#added.add(`${plural} ${identity}`);
        if (plural === 'domains') this.#domains.set(domainName(identity), false);
        const places = kind.placesOf?.(object);
        if (kind.isNamed === true)
          this.#named.push({ kind: plural, name: title, ...(places === undefined ? {} : { places }) });
        for (const name of left)
          if (!['', 'false'].includes(textAt(object, name)))
            this.#remark(plural, title, `without ${name}; to give it: \`${commandFor(object, withheld[name] ?? '')}\``);
      } else if (change !== undefined && !this.#isDry && this.#added.has(`fabrics ${textAt(object, 'fabric')}`)) {
        await this.#send(plural, title, pathFor(object, change), sent, needs, 'PUT');
        this.#tally(plural).added += 1;
      } else this.#tally(plural).there += 1;
    }
  }

  /**
   * Without the parameters that the region refuses (rule 2). @returns its answer; undefined: it
   * refuses the rest, too
   */
  async #send(
    kind: string,
    title: string,
    path: string,
    wanted: Parameters,
    needs: readonly string[] = [],
    method: 'POST' | 'PUT' = 'POST',
  ): Promise<unknown> {
    let sent = wanted;
    for (;;) {
      const body = { type: FORM_TYPE, bytes: Buffer.from(encodeForm(sent)) };
      const answer = await this.#own({ method, path: `${API}${path}`, body });
      if (answer.status < 300) return jsonIn(answer) ?? {};
      if (!JUDGED.has(answer.status))
        throw unavailable('this region', answer) ?? new RackError('region-failed', answerWords(answer));
      const problems = problemsShape.safeParse(jsonIn(answer)).data ?? {};
      const left = Object.keys(problems).filter((name) => Object.hasOwn(sent, name) && !needs.includes(name));
      if (left.length === 0) {
        this.#remark(kind, title, `refused: ${answerWords(answer)}`);
        return undefined;
      }
      for (const name of left) this.#remark(kind, title, `without ${name}: ${problems[name]?.join(' ') ?? ''}`);
      // The parameters of a driver are of no use without it, nor it without them.
      const isPower = left.some((name) => name.startsWith(POWER));
      sent = Object.fromEntries(
        Object.entries(sent).filter(([name]) => !left.includes(name) && !(isPower && name.startsWith(POWER))),
      );
    }
  }

  async #addMachines(): Promise<void> {
    const power = await this.#source.read('machines/?op=power_parameters');
    if (!isFields(power)) throw new RackError('source-failed', `${this.#source.url} does not list its machines`);
    const ids = this.#source.bounded('machines/', Object.keys(power));
    for (let at = 0; at < ids.length; at += BATCH_MACHINES) {
      if (at > 0) printAside(`${at} of ${ids.length} machines\n`);
      const batch = ids.slice(at, at + BATCH_MACHINES);
      for (const machine of await this.#source.list('machines/', batch)) {
        const id = textAt(machine, 'system_id');
        if (!batch.includes(id)) continue;
        const own = valueAt(power, id);
        if (await this.#addNode('machines', machine, machineParameters(machine, own), own))
          for (const name of foreignPowerNames(own).slice(0, NAMES_SHOWN_MAX))
            this.#remark(
              'machines',
              formatObjectTitle(machine, ['hostname']),
              `without ${name}: no power driver here has it`,
            );
      }
      // Now: after an interruption these machines are already here.
      await this.#tag();
    }
  }

  /** @param power the parameters of a machine's driver @returns true if it is new here */
  async #addNode(
    kind: 'machines' | 'devices',
    node: unknown,
    parameters: Parameters,
    power?: unknown,
  ): Promise<boolean> {
    const title = formatObjectTitle(node, ['hostname']);
    const tally = this.#tally(kind);
    if (await this.#isRegistered(listMacs(node))) {
      tally.there += 1;
      return false;
    }
    const hostname = textAt(node, 'hostname');
    if (hostname === '') {
      this.#refuse(kind, title, 'refused: its hostname is no text');
      return false;
    }
    const wanted = domainName(textAt(node, 'domain.name'));
    const isHere = this.#domains.has(wanted) && !this.#hosts.forwarded.includes(wanted);
    const domain = isHere ? wanted : this.#defaultDomain;
    const fqdn = domainName(`${hostname.split('.', 1)[0]?.trim()}.${domain}`);
    if (this.#formerNames.has(fqdn)) {
      this.#refuse(kind, title, `left: ${fqdn} was here before`);
      return false;
    }
    if (domain !== wanted) this.#remark(kind, title, `in ${domain}: ${wanted || 'its domain'} is not here`);
    this.#current = title;
    const made = this.#isDry ? node : await this.#send(kind, title, `${kind}/`, { ...parameters, domain }, NODE_NEEDS);
    tally[made === undefined ? 'refused' : 'added'] += 1;
    const hosts = textAt(made, 'power_type') === '' ? [] : powerHosts(power);
    const addresses = made === undefined ? [] : this.#addressesOf(kind, title, node);
    if (made !== undefined) {
      const places = [cleanText(fqdn, NAME_CHARACTERS_MAX), ...addresses];
      this.#named.push({ kind, name: title, places, ...(hosts.length === 0 ? {} : { power: hosts }) });
    }
    if (made !== undefined) for (const mac of listMacs(node)) this.#addedMacs.add(macText(mac));
    if (made !== undefined && !this.#isDry) await this.#complete(kind, title, node, made, addresses);
    if (made !== undefined && kind === 'machines') this.#compare(title, node);
    this.#current = '';
    return made !== undefined;
  }

  /** Says what a machine is no longer here. */
  #compare(title: string, machine: unknown): void {
    const there = textAt(machine, 'status_name');
    const [here] = stateHere(machine);
    const comment = commentOn(machine);
    const why = comment === '' ? '' : ` (${comment})`;
    if (here !== there) this.#remark('machines', title, `it is ${there} there${why}, and ${here} here`);
    else if (valueAt(machine, 'ephemeral_deploy') === true)
      this.#remark('machines', title, 'it runs from memory there, and starts from its disk here');
  }

  /** The addresses of a node there that it gets here, too; each other one is named. */
  #addressesOf(kind: 'machines' | 'devices', title: string, node: unknown): readonly string[] {
    const isRunning = kind === 'devices' || isDeployedHere(node);
    const ownMac = listMacs(node)
      .map(macText)
      .find((mac) => this.#hosts.macs.has(mac));
    const links = listAt(node, 'interface_set')
      .slice(0, INTERFACES_MAX)
      .flatMap((nic) => listAt(nic, 'links'));
    return links.flatMap((link) => {
      const [mode, address] = [textAt(link, 'mode'), textAt(link, 'ip_address')];
      // An address that is chosen at each deployment is that of the system which runs.
      if (address === '' || !(mode === 'static' || (mode === 'auto' && isRunning))) return [];
      const why = ownMac === undefined ? this.#findOwner(address) : `${ownMac} has a reservation that was here before`;
      if (why === undefined) return [address];
      this.#remark(kind, title, `left: the address ${address}, since ${why}`);
      return [];
    });
  }

  /**
   * Why an address may be somebody's (rule 8); undefined: it is free, or in no network that was
   * here before.
   */
  #findOwner(text: string): string | undefined {
    const address = parseIpv4(text);
    if (address === undefined) return 'it is no IPv4 address';
    const former = this.#formerNetworks.find(({ network }) => networkContains(network, address));
    const isFree = former === undefined || former.free.some((range) => rangeContains(range, address));
    return isFree ? undefined : `it is not free in ${formatNetwork(former.network)}, which was here before`;
  }

  /** @param made the new node, as this region shows it */
  async #complete(
    kind: 'machines' | 'devices',
    title: string,
    node: unknown,
    made: unknown,
    addresses: readonly string[],
  ): Promise<void> {
    const systemId = textAt(made, 'system_id');
    const names = new Set(listAt(node, 'tag_names'));
    for (const tag of this.#tags.filter((name) => names.has(name))) {
      const ids = this.#tagged.get(tag) ?? [];
      ids.push(systemId);
      this.#tagged.set(tag, ids);
    }
    await this.#connect(kind, title, node, made, addresses);
    const order = (operation: string, parameters: Parameters = {}) =>
      this.#send(kind, title, `${kind}/${systemId}/?op=${operation}`, parameters);
    const [, operation] = stateHere(node);
    if (kind === 'machines' && operation !== undefined)
      await order(operation, operation === 'accept' ? { skip_commissioning: 'true' } : { comment: commentOn(node) });
    // Last: it ends when a machine becomes Ready.
    const data = ownerData(node);
    if (Object.keys(data).length > 0) await order('set_owner_data', data);
    if (kind === 'machines' && valueAt(node, 'locked') === true) await order('lock');
  }

  /** Gives a node the interfaces and the addresses that it has there. */
  async #connect(
    kind: 'machines' | 'devices',
    title: string,
    node: unknown,
    made: unknown,
    addresses: readonly string[],
  ): Promise<void> {
    const place = `nodes/${textAt(made, 'system_id')}/interfaces/`;
    const chosen = new Set(addresses);
    const gateway = textAt(node, 'default_gateways.ipv4.link_id');
    const physical = new Map(
      listAt(made, 'interface_set').map((nic) => [textAt(nic, 'mac_address'), textAt(nic, 'id')]),
    );
    /** Of the interfaces that are here, by name. */
    const ids = new Map<string, string>();
    let waiting = listAt(node, 'interface_set').slice(0, INTERFACES_MAX);
    for (let ready = waiting; ready.length > 0; waiting = waiting.filter((nic) => !ready.includes(nic))) {
      ready = waiting.filter((nic) => listAt(nic, 'parents').every((parent) => ids.has(String(parent))));
      for (const nic of ready) {
        const type = textAt(nic, 'type');
        const operation = Object.hasOwn(MADE_OF_OTHERS, type) ? MADE_OF_OTHERS[type] : undefined;
        const id =
          operation === undefined
            ? physical.get(textAt(nic, 'mac_address').toLowerCase())
            : await this.#make(kind, title, `${place}?op=${operation}`, nic, ids);
        if (id === undefined) continue;
        ids.set(textAt(nic, 'name'), id);
        for (const link of listAt(nic, 'links')) {
          const address = textAt(link, 'ip_address');
          if (!chosen.has(address)) continue;
          const wish = { mode: 'static', subnet: textAt(link, 'subnet.cidr'), ip_address: address };
          const isGateway = gateway !== '' && gateway === textAt(link, 'id');
          const more: Parameters = isGateway ? { default_gateway: 'true' } : {};
          await this.#send(kind, title, `${place}${id}/?op=link_subnet`, { ...wish, ...more }, Object.keys(wish));
        }
      }
    }
    if (waiting.length > 0)
      this.#remark(
        kind,
        title,
        `without ${joinNames(
          waiting.map((nic) => formatObjectTitle(nic, ['name'])),
          NAMES_SHOWN_MAX,
        )}`,
      );
  }

  /** Makes a bond, a bridge or a VLAN interface. @returns its id; undefined: it is refused */
  async #make(
    kind: string,
    title: string,
    path: string,
    nic: unknown,
    ids: ReadonlyMap<string, string>,
  ): Promise<string | undefined> {
    const parents = listAt(nic, 'parents').map((parent) => ids.get(String(parent)) ?? '');
    const vlan = this.#vlans.get(objectIdentity(valueAt(nic, 'vlan'), VLAN_KEY));
    const place: Parameters = { parents, ...(vlan === undefined ? {} : { vlan }) };
    const made = await this.#send(kind, title, path, { ...interfaceParameters(nic), ...place }, [
      'name',
      'parents',
      'vlan',
    ]);
    return made === undefined ? undefined : textAt(made, 'id');
  }

  /** Tags the nodes that were added since the last call. */
  async #tag(): Promise<void> {
    for (const [tag, ids] of this.#tagged)
      for (let at = 0; at < ids.length; at += BATCH_MACHINES) {
        const add = ids.slice(at, at + BATCH_MACHINES);
        await this.#send('tags', tag, `tags/${encodeURIComponent(tag)}/?op=update_nodes`, { add }, ['add']);
      }
    this.#tagged.clear();
  }

  async #lookFor({ plural, list, remedy, isMeant = () => true }: Absent): Promise<void> {
    const names = (await this.#source.list(list))
      .filter(isMeant)
      .map((object) => formatObjectTitle(object, ['name']) || formatObjectTitle(object, ['id']));
    if (names.length > 0) this.#remark(plural, joinNames(names, NAMES_SHOWN_MAX), `no counterpart: ${remedy}`);
  }

  /** @param isWhole false: the import ended before everything was tried @returns the exit code */
  report(isJson: boolean, isWhole: boolean): number {
    const { url } = this.#source;
    const objects = Object.fromEntries(this.#tallies);
    const [remarks, added, remarkCount] = [this.#remarks, this.#named, this.#remarkCount];
    if (isJson) printJson({ source: url, dryRun: this.#isDry, whole: isWhole, objects, added, remarks, remarkCount });
    else {
      const done = this.#isDry ? 'to add' : 'added';
      for (const { kind, name, places = [], power = [] } of added) {
        const answering = places.length === 0 ? '' : `, with ${places.join(', ')}`;
        print(`${kind} ${name}: ${done}${answering}${power.length === 0 ? '' : `, switched by ${power.join(', ')}`}`);
      }
      for (const { kind, name, text } of remarks) print(`${kind} ${name}: ${text}`);
      if (remarkCount > remarks.length) print(`and ${remarkCount - remarks.length} more`);
      const rows = [...this.#tallies].map(([kind, tally]) => [
        kind,
        ...[tally.added, tally.there, tally.refused].map(String),
      ]);
      printTable(
        [`OF ${url}`, this.#isDry ? 'TO ADD' : 'ADDED', 'ALREADY HERE', 'REFUSED'],
        rows,
        isWhole ? 'This MAAS has nothing to import.' : 'Nothing was tried.',
      );
      if (!isWhole && rows.length > 0) print('The import ended before everything was tried: repeat it.');
      if (this.#current !== '') print(`It ended while ${this.#current} was added: remove that first, if it is here.`);
      if ((this.#tallies.get('users')?.added ?? 0) > 0 && !this.#isDry)
        print('Imported users cannot sign in before they have a password: `rackboot password USERNAME`.');
    }
    return this.#remarkCount === 0 ? 0 : 1;
  }
}

/** A key for people, by its fingerprint and its comment. */
const keyTitle = (key: string, owner: string): string =>
  cleanText(`${computeFingerprint(key)} of ${owner} (${key.split(' ').slice(2).join(' ')})`, KEY_CHARACTERS_MAX);
