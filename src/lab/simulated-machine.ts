// A simulated machine: a PXE ROM, then lpxelinux, then the enlistment environment, with the real
// protocols. Sans-IO: `machine-runner.ts` gives it real sockets, tests give it a network in virtual
// time.
//
//   off ─powerOn▶ addressing ─lease▶ loader ─file▶ configuration ─linux▶ kernel ─▶ initrd ─▶ running ─┬─▶ posting ─2xx▶ off
//        (DhcpClient)   (TftpDownload)   (#nextConfiguration)      (#loaded)             (#run)        └─▶ working ─▶ off, or once more
//                                          └─local▶ off, or system ─lease▶ its system runs               (`simulated-agent.ts`)
//
// 1. Whatever packets are lost, it ends in `off` with an outcome, after a bounded number of tries.

import { ANY, formatIpv4, formatMac, type Ipv4 } from '../ground/address.ts';
import { type Instant, later } from '../ground/clock.ts';
import { counted } from '../ground/counted.ts';
import { unreachable } from '../ground/errors.ts';
import { type BootLease, DhcpClient, type DhcpClientIdentity } from './dhcp-client.ts';
import { HttpExchange, type HttpRequest } from './http-exchange.ts';
import { kernelArgument, type LoaderInstruction, parsePxelinuxConfig } from './loader-config.ts';
import type { MachineAction, MachineInput, MachineOutcome, MachineStep } from './machine-actions.ts';
import { type AgentAnswer, type AgentRequest, type AgentWork, doJob } from './simulated-agent.ts';
import { TftpDownload } from './tftp-download.ts';

// A simulated machine's cloud-init at the first start of its system. It reads the user data with
// the machine's key, reports that the system is up, and runs nothing. Sans-IO like the agent
// (`simulated-agent.ts`).
//
// Sources: cloud-init, "MAAS" data source, "Reporting" (webhook); RFC 5849 §3.4.4 (PLAINTEXT).
//
// 1. Without the key, or if it is refused, the system starts anyway.

/** Characters of the user data that the report quotes. */
const SHOWN_CHARACTERS = 60;
/** cloud-init's last stage. */
const STAGE = 'modules-final';
const SECRETS = ['consumer_key', 'token_key', 'token_secret', 'endpoint'] as const;

/** @param cloudConfig written by the agent: the machine's key, and the URL of its reports */
export function* startSystem(cloudConfig: string): AgentWork {
  const [consumer, token, secret, endpoint] = SECRETS.map((name) => findValue(cloudConfig, name));
  if (endpoint === undefined || secret === undefined) return { kind: 'up' };
  const fields = {
    Authorization:
      `OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", oauth_consumer_key="${consumer}", ` +
      `oauth_token="${token}", oauth_signature="%26${secret}", oauth_nonce="0", oauth_timestamp="0"`,
  };
  const report = (event: Readonly<Record<string, string>>) => ({
    method: 'POST' as const,
    url: endpoint,
    fields,
    body: JSON.stringify({ origin: 'cloudinit', name: STAGE, ...event }),
  });
  const url = endpoint.replace(/status\/[^/]*$/, 'latest/user-data');
  // Like cloud-init, start the last stage after reading any user data.
  const { status, text } = yield { method: 'GET', url, fields };
  const begins = status === 200 ? 'running the user data (simulated)' : STAGE;
  yield report({ event_type: 'start', description: begins });
  yield report({
    event_type: 'finish',
    result: 'SUCCESS',
    description: status === 200 ? ranWords(text) : 'ran no user data (simulated)',
  });
  return { kind: 'up' };
}

/** Reports user data without running it. Comments and `#cloud-config` do not count. */
export function ranWords(userData: string): string {
  const lines = userData.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  const last = (lines.at(-1) ?? '').replace(/^[\s-]+/, '').slice(0, SHOWN_CHARACTERS);
  return `ran ${counted(lines.length, 'line')} of user data (simulated), the last: ${last}`;
}

/** The file is YAML with one mapping per line. */
function findValue(cloudConfig: string, name: string): string | undefined {
  return new RegExp(`["']?${name}["']?: *["']?([^"',}\\s]+)`).exec(cloudConfig)?.[1];
}

interface MachineSpec extends DhcpClientIdentity {
  /** The form body of the enlistment post, for the boot MAC in the kernel line. */
  readonly enlistmentForm: (bootMac: string) => string;
  /** Makes its transaction ids unique. */
  readonly seed: number;
  /** True if it does its region's jobs once enlisted; otherwise it only enlists at each boot. */
  readonly works?: boolean;
  /** Its contents at the first start. Default: blank. */
  readonly disk?: 'blank' | 'system';
  /** True if the systems written to its disk have cloud-init. Default: false. */
  readonly cloudInit?: boolean;
  /** Why its tests fail; undefined if they pass. */
  readonly fault?: string | undefined;
  /** The wait before each request to its region, in milliseconds. Default: 0. */
  readonly paceMs?: () => number;
}

const BOOT_TRIES_MAX = 5;
/** Requests for the loader to a server that stops answering. */
const LOADS_MAX = 3;

type Stage = 'off' | 'addressing' | 'loader' | 'configuration' | 'kernel' | 'initrd' | 'posting' | 'working' | 'system';

export class SimulatedMachine {
  readonly #spec: MachineSpec;
  #dhcp: DhcpClient;
  #tftp: TftpDownload | undefined;
  #stage: Stage = 'off';
  #boots = 0;
  #transfers = 0;
  #loads = 0;
  readonly #http = new HttpExchange();
  #candidates: string[] = [];
  #instruction: Extract<LoaderInstruction, { kind: 'linux' }> | undefined;
  #offered: Ipv4 | undefined;
  #work: AgentWork | undefined;
  #token: string | undefined;
  #disk: 'blank' | 'system';
  /** What the cloud-init of the installed system has yet to apply. */
  #cloudConfig = '';
  #actions: MachineAction[] = [];

  constructor(spec: MachineSpec) {
    this.#spec = spec;
    this.#dhcp = new DhcpClient(spec, spec.seed);
    this.#disk = spec.disk ?? 'blank';
  }

  get disk(): 'blank' | 'system' {
    return this.#disk;
  }

  /** When to call `handle({ kind: 'timeout' })`; undefined if it waits for nothing. */
  get deadline(): Instant | undefined {
    const times = [this.#isAddressing ? this.#dhcp.deadline : undefined, this.#tftp?.deadline, this.#http.deadline];
    const set = times.filter((time) => time !== undefined);
    return set.length === 0 ? undefined : (Math.min(...set) as Instant);
  }

  handle(input: MachineInput, now: Instant): readonly MachineAction[] {
    this.#actions = [];
    switch (input.kind) {
      case 'power-on':
        this.#boots = 0;
        this.#boot(now);
        break;
      case 'dhcp':
        if (this.#isAddressing) this.#addressing(() => this.#dhcp.receive(input.bytes, now), now);
        break;
      case 'tftp':
        this.#download(() => this.#tftp?.receive(input.bytes, input.from, input.fromPort, now), now);
        break;
      case 'http':
        if (this.#http.isUnderWay) this.#answered(input.status, input.body, now);
        break;
      case 'http-failed':
        if (this.#http.isUnderWay) this.#retryHttp(input.reason, now);
        break;
      case 'timeout':
        this.#timeout(now);
        break;
      default:
        unreachable(input);
    }
    return this.#actions;
  }

  get #isAddressing(): boolean {
    return this.#stage === 'addressing' || this.#stage === 'system';
  }

  #boot(now: Instant): void {
    this.#boots += 1;
    if (this.#boots > BOOT_TRIES_MAX) {
      this.#off({ kind: 'failed', reason: `gave up after ${BOOT_TRIES_MAX} boots` });
      return;
    }
    this.#tftp = undefined;
    this.#http.end();
    this.#offered = undefined;
    this.#work = undefined;
    this.#dhcp = new DhcpClient(this.#spec, this.#spec.seed + this.#boots + this.#transfers * 64);
    this.#stage = 'addressing';
    this.#step(
      'power-on',
      this.#boots === 1 ? 'powers on and asks for an address' : `starts over (boot ${this.#boots})`,
    );
    this.#addressing(() => this.#dhcp.start(now), now);
  }

  #addressing(act: () => void, now: Instant): void {
    act();
    if (this.#dhcp.offered !== undefined && this.#dhcp.offered !== this.#offered) {
      this.#offered = this.#dhcp.offered;
      this.#step('offer', `is offered ${formatIpv4(this.#offered)}`);
    }
    for (const bytes of this.#dhcp.takeOutgoing()) this.#actions.push({ kind: 'broadcast', bytes });
    const { lease } = this.#dhcp;
    if (lease === undefined) return;
    this.#actions.push({ kind: 'address', address: lease.address });
    if (this.#stage === 'system') {
      this.#step('system', `its system is up at ${formatIpv4(lease.address)}`);
      this.#work = startSystem(this.#cloudConfig);
      this.#cloudConfig = '';
      this.#stage = 'working';
      this.#goOn(undefined, now);
      return;
    }
    this.#step(
      'address',
      `has ${formatIpv4(lease.address)} for ${lease.leaseSeconds} s and loads ${lease.file} from ${formatIpv4(lease.server)}`,
    );
    if (lease.file === '') {
      this.#boot(now);
      return;
    }
    this.#loads = 0;
    this.#askForLoader(lease, now);
  }

  #askForLoader({ file, server }: BootLease, now: Instant): void {
    this.#stage = 'loader';
    this.#loads += 1;
    this.#transfers += 1;
    this.#tftp = new TftpDownload(file, server, now);
    this.#download(() => undefined, now);
  }

  #download(act: () => void, now: Instant): void {
    const tftp = this.#tftp;
    if (tftp === undefined) return;
    act();
    for (const { bytes, to, port } of tftp.takeOutgoing())
      this.#actions.push({ kind: 'tftp', bytes, to, port, transfer: this.#transfers });
    if (tftp.result === undefined) return;
    this.#tftp = undefined;
    if (tftp.result.kind === 'failed') {
      const { lease } = this.#dhcp;
      this.#step('loader', `the loader could not be loaded: ${tftp.result.reason}`);
      if (tftp.result.isSilent === true && lease !== undefined && this.#loads < LOADS_MAX)
        this.#askForLoader(lease, now);
      else this.#boot(now);
      return;
    }
    this.#step('loader', `loaded ${counted(tftp.result.bytes.length, 'byte')} by TFTP (blksize ${tftp.blockBytes})`);
    this.#stage = 'configuration';
    // The address in hexadecimal, which lpxelinux also tries, is not needed here.
    this.#candidates = [`pxelinux.cfg/01-${formatMac(this.#spec.mac, '-')}`, 'pxelinux.cfg/default'];
    this.#nextConfiguration(now);
  }

  #nextConfiguration(now: Instant): void {
    const name = this.#candidates.shift();
    const prefix = this.#dhcp.lease?.pathPrefix ?? '';
    if (name === undefined || prefix === '') {
      this.#step('configuration', prefix === '' ? 'was given no path prefix' : 'no configuration was found');
      this.#boot(now);
      return;
    }
    this.#fetch({ kind: 'http', method: 'GET', url: new URL(name, prefix).href }, now);
  }

  #fetch(request: HttpRequest, now: Instant): void {
    this.#actions.push(this.#http.begin(request, now));
  }

  #retryHttp(reason: string, now: Instant): void {
    const { url, willRetry } = this.#http.fail(now);
    this.#step('waiting', `${url}: ${reason}${willRetry ? '; tries again' : ''}`);
    if (!willRetry) this.#boot(now);
  }

  #answered(status: number, body: Uint8Array, now: Instant): void {
    if (status >= 500 || status === 429) {
      this.#retryHttp(`answered ${status}`, now);
      return;
    }
    this.#http.end();
    if (this.#stage === 'configuration') this.#configured(status, body, now);
    else if (this.#stage === 'kernel' || this.#stage === 'initrd') this.#loaded(status, body, now);
    else if (this.#stage === 'posting') this.#posted(status, body);
    else if (this.#stage === 'working') this.#goOn({ status, text: Buffer.from(body).toString('utf8') }, now);
  }

  #configured(status: number, body: Uint8Array, now: Instant): void {
    if (status === 404) {
      this.#nextConfiguration(now);
      return;
    }
    const instruction = status === 200 ? parsePxelinuxConfig(Buffer.from(body).toString('utf8')) : undefined;
    if (instruction?.kind === 'local') {
      this.#step('configuration', 'is told to boot its own disk');
      if (this.#disk === 'blank') this.#off({ kind: 'local-boot' });
      else this.#startSystem(now);
    } else if (instruction?.kind === 'other') {
      this.#step('configuration', `is told to run ${instruction.kernel}`);
      this.#off({ kind: 'powered-off' });
    } else if (instruction === undefined) {
      this.#step('configuration', `the configuration names nothing to boot (status ${status})`);
      this.#boot(now);
    } else {
      this.#instruction = instruction;
      this.#step('configuration', `is told to boot ${instruction.kernel}`);
      this.#load('kernel', instruction.kernel, now);
    }
  }

  #load(stage: 'kernel' | 'initrd', name: string, now: Instant): void {
    this.#stage = stage;
    this.#fetch({ kind: 'http', method: 'GET', url: new URL(name, this.#dhcp.lease?.pathPrefix ?? '').href }, now);
  }

  #loaded(status: number, body: Uint8Array, now: Instant): void {
    const instruction = this.#instruction;
    const stage = this.#stage === 'kernel' ? 'kernel' : 'initrd';
    if (status !== 200 || instruction === undefined) {
      this.#step(stage, `the ${stage} could not be loaded: status ${status}`);
      this.#boot(now);
      return;
    }
    this.#step(stage, `loaded the ${stage}, ${counted(body.length, 'byte')}, by HTTP`);
    const initrd = instruction.initrds[0];
    if (stage === 'kernel' && initrd !== undefined) this.#load('initrd', initrd, now);
    else this.#run(instruction, now);
  }

  #run(instruction: Extract<LoaderInstruction, { kind: 'linux' }>, now: Instant): void {
    const purpose = kernelArgument(instruction.append, 'rackboot');
    const url = kernelArgument(instruction.append, 'rackboot_url');
    this.#step('running', `runs the environment for ${purpose ?? 'nothing'}`);
    if (url === undefined || purpose === undefined) {
      this.#off({ kind: 'failed', reason: 'the kernel line names no rackboot_url' });
      return;
    }
    const report = this.#spec.enlistmentForm(instruction.sysappendBootif ? formatMac(this.#spec.mac) : '');
    this.#token = kernelArgument(instruction.append, 'rackboot_token');
    if (this.#spec.works === true && purpose !== 'enlist' && this.#token !== undefined) {
      this.#stage = 'working';
      this.#work = doJob({ url, report, cloudInit: this.#spec.cloudInit === true, fault: this.#spec.fault });
      this.#goOn(undefined, now);
      return;
    }
    this.#stage = 'posting';
    this.#send({ method: 'POST', url: `${url}/api/2.0/machines/`, body: report }, now);
  }

  #send(request: AgentRequest, now: Instant): void {
    const token = this.#token;
    const fields = token === undefined ? {} : { fields: { 'X-Rackboot-Token': token } };
    const httpRequest = { kind: 'http', ...fields, ...request } as const;
    const paceMs = this.#spec.paceMs?.() ?? 0;
    if (paceMs === 0) this.#fetch(httpRequest, now);
    else this.#http.beginLater(httpRequest, later(now, paceMs));
  }

  #goOn(answer: AgentAnswer | undefined, now: Instant): void {
    const next = answer === undefined ? this.#work?.next() : this.#work?.next(answer);
    if (next === undefined) return;
    if (next.done !== true) {
      this.#send(next.value, now);
      return;
    }
    const end = next.value;
    if (end.kind === 'up') {
      this.#end({ kind: 'system-up', address: this.#dhcp.lease?.address ?? ANY });
      return;
    }
    if (end.kind === 'off') {
      this.#step('working', end.outcome.kind === 'failed' ? end.outcome.reason : 'has finished its job');
      if (end.outcome.kind === 'worked' && end.outcome.job === 'erase') this.#disk = 'blank';
      this.#off(end.outcome);
      return;
    }
    this.#step('working', 'has a system on its disk, and restarts');
    if (end.cloudConfig !== undefined) {
      this.#disk = 'system';
      this.#cloudConfig = end.cloudConfig;
    }
    this.#boots = 0;
    this.#boot(now);
  }

  /** Requests an address without a loader's options. */
  #startSystem(now: Instant): void {
    this.#stage = 'system';
    this.#dhcp = new DhcpClient({ ...this.#spec, architecture: undefined }, this.#spec.seed + 1_000_003 * this.#boots);
    this.#offered = undefined;
    this.#addressing(() => this.#dhcp.start(now), now);
  }

  #posted(status: number, body: Uint8Array): void {
    const text = Buffer.from(body).toString('utf8');
    if (status === 202) {
      this.#step('posted', 'reported itself; the rack keeps the report until the region is back');
      this.#off({ kind: 'queued' });
      return;
    }
    const systemId = /"system_id"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (status >= 300 || systemId === undefined) {
      this.#off({ kind: 'failed', reason: `the region answered ${status}: ${text.slice(0, 200)}` });
      return;
    }
    this.#step('posted', `reported itself; the region calls it ${systemId}`);
    this.#off({ kind: 'enlisted', systemId });
  }

  #timeout(now: Instant): void {
    if (this.#isAddressing) this.#addressing(() => this.#dhcp.timeout(now), now);
    if (this.#tftp !== undefined) this.#download(() => this.#tftp?.timeout(now), now);
    const due = this.#http.timeout(now);
    if (due === 'late') this.#retryHttp('no answer', now);
    else if (due !== undefined) this.#actions.push(due);
  }

  #off(outcome: MachineOutcome): void {
    this.#step('off', 'powers off');
    this.#end(outcome);
  }

  #end(outcome: MachineOutcome): void {
    this.#stage = 'off';
    this.#http.end();
    this.#actions.push({ kind: 'off', outcome });
  }

  #step(name: MachineStep['name'], text: string): void {
    this.#actions.push({ kind: 'step', step: { name, text } });
  }
}
