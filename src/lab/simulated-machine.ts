// A simulated machine: a PXE ROM, then lpxelinux, then the enlistment environment, with the real
// protocols. Sans-IO: `machine-runner.ts` gives it real sockets, tests give it a network in virtual
// time.
//
//   off ─powerOn▶ addressing ─lease▶ loader ─file▶ configuration ─linux▶ kernel ─▶ initrd ─▶ running ─┬─▶ posting ─2xx▶ off
//        (DhcpClient)   (TftpDownload)   (#fetchConfiguration)     (#handleFile)    (#runEnvironment)  └─▶ working ─▶ off, or once more
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
import { type AgentAnswer, type AgentRequest, type AgentRun, runJob } from './simulated-agent.ts';
import { TftpDownload } from './tftp-download.ts';

// A simulated machine's cloud-init at the first start of its system. It reads the user data with
// the machine's key, reports that the system is up, and runs nothing. Sans-IO like the agent
// (`simulated-agent.ts`).
//
// Sources: cloud-init, "MAAS" data source, "Reporting" (webhook); RFC 5849 §3.4.4 (PLAINTEXT).
//
// 1. Without the key, or if it is refused, the system starts anyway.

/** How many characters of the user data the report quotes. */
const QUOTED_CHARACTERS = 60;
/** cloud-init's last stage. */
const LAST_STAGE = 'modules-final';
const CONFIG_KEYS = ['consumer_key', 'token_key', 'token_secret', 'endpoint'] as const;

/** @param cloudConfig written by the agent: the machine's key, and the URL of its reports */
export function* startSystem(cloudConfig: string): AgentRun {
  const [consumer, token, secret, endpoint] = CONFIG_KEYS.map((name) => findValue(cloudConfig, name));
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
    body: JSON.stringify({ origin: 'cloudinit', name: LAST_STAGE, ...event }),
  });
  const url = endpoint.replace(/status\/[^/]*$/, 'latest/user-data');
  // Like cloud-init, start the last stage after reading any user data.
  const { status, text } = yield { method: 'GET', url, fields };
  const startText = status === 200 ? 'running the user data (simulated)' : LAST_STAGE;
  yield report({ event_type: 'start', description: startText });
  yield report({
    event_type: 'finish',
    result: 'SUCCESS',
    description: status === 200 ? describeUserDataRun(text) : 'ran no user data (simulated)',
  });
  return { kind: 'up' };
}

/** Describes a pretended run of user data. Comments and `#cloud-config` do not count as lines. */
export function describeUserDataRun(userData: string): string {
  const lines = userData.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  const lastLine = (lines.at(-1) ?? '').replace(/^[\s-]+/, '').slice(0, QUOTED_CHARACTERS);
  return `ran ${counted(lines.length, 'line')} of user data (simulated), the last: ${lastLine}`;
}

/** Finds the value of a key in a cloud-config, which is YAML with one mapping per line. */
function findValue(cloudConfig: string, name: string): string | undefined {
  return new RegExp(`["']?${name}["']?: *["']?([^"',}\\s]+)`).exec(cloudConfig)?.[1];
}

interface MachineSpec extends DhcpClientIdentity {
  /** Builds the form body of the enlistment post, for the boot MAC in the kernel line. */
  readonly enlistmentForm: (bootMac: string) => string;
  /** Makes its transaction ids unique. */
  readonly seed: number;
  /** True if it does its region's jobs once enlisted; otherwise it only enlists at each boot. */
  readonly doesJobs?: boolean;
  /** The contents of its disk at the first start. Default: blank. */
  readonly disk?: 'blank' | 'system';
  /** True if the systems written to its disk have cloud-init. Default: false. */
  readonly cloudInit?: boolean;
  /** Why its tests fail; undefined if they pass. */
  readonly fault?: string | undefined;
  /** The wait before each request to its region, in milliseconds. Default: 0. */
  readonly paceMs?: () => number;
}

const BOOT_TRIES_MAX = 5;
/** The most requests for the loader to a server that stops answering. */
const LOADER_TRIES_MAX = 3;

type Stage = 'off' | 'addressing' | 'loader' | 'configuration' | 'kernel' | 'initrd' | 'posting' | 'working' | 'system';

export class SimulatedMachine {
  readonly #spec: MachineSpec;
  #dhcp: DhcpClient;
  #tftp: TftpDownload | undefined;
  #stage: Stage = 'off';
  #boots = 0;
  #transfers = 0;
  #loaderTries = 0;
  readonly #http = new HttpExchange();
  #configurationNames: string[] = [];
  #instruction: Extract<LoaderInstruction, { kind: 'linux' }> | undefined;
  #offeredAddress: Ipv4 | undefined;
  #agentRun: AgentRun | undefined;
  #token: string | undefined;
  #disk: 'blank' | 'system';
  /** The configuration that the cloud-init of the installed system has yet to apply. */
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
    const deadlines = times.filter((time) => time !== undefined);
    return deadlines.length === 0 ? undefined : (Math.min(...deadlines) as Instant);
  }

  handle(input: MachineInput, now: Instant): readonly MachineAction[] {
    this.#actions = [];
    switch (input.kind) {
      case 'power-on':
        this.#boots = 0;
        this.#boot(now);
        break;
      case 'dhcp':
        if (this.#isAddressing) this.#runDhcp(() => this.#dhcp.receive(input.bytes, now), now);
        break;
      case 'tftp':
        this.#runTftp(() => this.#tftp?.receive(input.bytes, input.from, input.fromPort, now), now);
        break;
      case 'http':
        if (this.#http.isUnderWay) this.#handleHttp(input.status, input.body, now);
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
      this.#powerOff({ kind: 'failed', reason: `gave up after ${BOOT_TRIES_MAX} boots` });
      return;
    }
    this.#tftp = undefined;
    this.#http.end();
    this.#offeredAddress = undefined;
    this.#agentRun = undefined;
    this.#dhcp = new DhcpClient(this.#spec, this.#spec.seed + this.#boots + this.#transfers * 64);
    this.#stage = 'addressing';
    this.#step(
      'power-on',
      this.#boots === 1 ? 'powers on and asks for an address' : `starts over (boot ${this.#boots})`,
    );
    this.#runDhcp(() => this.#dhcp.start(now), now);
  }

  #runDhcp(advance: () => void, now: Instant): void {
    advance();
    if (this.#dhcp.offeredAddress !== undefined && this.#dhcp.offeredAddress !== this.#offeredAddress) {
      this.#offeredAddress = this.#dhcp.offeredAddress;
      this.#step('offer', `is offered ${formatIpv4(this.#offeredAddress)}`);
    }
    for (const bytes of this.#dhcp.takeOutgoing()) this.#actions.push({ kind: 'broadcast', bytes });
    const { lease } = this.#dhcp;
    if (lease === undefined) return;
    this.#actions.push({ kind: 'address', address: lease.address });
    if (this.#stage === 'system') {
      this.#step('system', `its system is up at ${formatIpv4(lease.address)}`);
      this.#agentRun = startSystem(this.#cloudConfig);
      this.#cloudConfig = '';
      this.#stage = 'working';
      this.#continueRun(undefined, now);
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
    this.#loaderTries = 0;
    this.#requestLoader(lease, now);
  }

  #requestLoader({ file, server }: BootLease, now: Instant): void {
    this.#stage = 'loader';
    this.#loaderTries += 1;
    this.#transfers += 1;
    this.#tftp = new TftpDownload(file, server, now);
    this.#runTftp(() => undefined, now);
  }

  #runTftp(advance: () => void, now: Instant): void {
    const tftp = this.#tftp;
    if (tftp === undefined) return;
    advance();
    for (const { bytes, to, port } of tftp.takeOutgoing())
      this.#actions.push({ kind: 'tftp', bytes, to, port, transfer: this.#transfers });
    if (tftp.result === undefined) return;
    this.#tftp = undefined;
    if (tftp.result.kind === 'failed') {
      const { lease } = this.#dhcp;
      this.#step('loader', `the loader could not be loaded: ${tftp.result.reason}`);
      if (tftp.result.isSilent === true && lease !== undefined && this.#loaderTries < LOADER_TRIES_MAX)
        this.#requestLoader(lease, now);
      else this.#boot(now);
      return;
    }
    this.#step('loader', `loaded ${counted(tftp.result.bytes.length, 'byte')} by TFTP (blksize ${tftp.blockBytes})`);
    this.#stage = 'configuration';
    // The address in hexadecimal, which lpxelinux also tries, is not needed here.
    this.#configurationNames = [`pxelinux.cfg/01-${formatMac(this.#spec.mac, '-')}`, 'pxelinux.cfg/default'];
    this.#fetchConfiguration(now);
  }

  #fetchConfiguration(now: Instant): void {
    const name = this.#configurationNames.shift();
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

  #handleHttp(status: number, body: Uint8Array, now: Instant): void {
    if (status >= 500 || status === 429) {
      this.#retryHttp(`answered ${status}`, now);
      return;
    }
    this.#http.end();
    if (this.#stage === 'configuration') this.#handleConfiguration(status, body, now);
    else if (this.#stage === 'kernel' || this.#stage === 'initrd') this.#handleFile(status, body, now);
    else if (this.#stage === 'posting') this.#handlePost(status, body);
    else if (this.#stage === 'working') this.#continueRun({ status, text: Buffer.from(body).toString('utf8') }, now);
  }

  #handleConfiguration(status: number, body: Uint8Array, now: Instant): void {
    if (status === 404) {
      this.#fetchConfiguration(now);
      return;
    }
    const instruction = status === 200 ? parsePxelinuxConfig(Buffer.from(body).toString('utf8')) : undefined;
    if (instruction?.kind === 'local') {
      this.#step('configuration', 'is told to boot its own disk');
      if (this.#disk === 'blank') this.#powerOff({ kind: 'local-boot' });
      else this.#startSystem(now);
    } else if (instruction?.kind === 'other') {
      this.#step('configuration', `is told to run ${instruction.kernel}`);
      this.#powerOff({ kind: 'powered-off' });
    } else if (instruction === undefined) {
      this.#step('configuration', `the configuration names nothing to boot (status ${status})`);
      this.#boot(now);
    } else {
      this.#instruction = instruction;
      this.#step('configuration', `is told to boot ${instruction.kernel}`);
      this.#fetchFile('kernel', instruction.kernel, now);
    }
  }

  #fetchFile(stage: 'kernel' | 'initrd', name: string, now: Instant): void {
    this.#stage = stage;
    this.#fetch({ kind: 'http', method: 'GET', url: new URL(name, this.#dhcp.lease?.pathPrefix ?? '').href }, now);
  }

  #handleFile(status: number, body: Uint8Array, now: Instant): void {
    const instruction = this.#instruction;
    const stage = this.#stage === 'kernel' ? 'kernel' : 'initrd';
    if (status !== 200 || instruction === undefined) {
      this.#step(stage, `the ${stage} could not be loaded: status ${status}`);
      this.#boot(now);
      return;
    }
    this.#step(stage, `loaded the ${stage}, ${counted(body.length, 'byte')}, by HTTP`);
    const initrd = instruction.initrds[0];
    if (stage === 'kernel' && initrd !== undefined) this.#fetchFile('initrd', initrd, now);
    else this.#runEnvironment(instruction, now);
  }

  #runEnvironment(instruction: Extract<LoaderInstruction, { kind: 'linux' }>, now: Instant): void {
    const purpose = kernelArgument(instruction.append, 'rackboot');
    const url = kernelArgument(instruction.append, 'rackboot_url');
    this.#step('running', `runs the environment for ${purpose ?? 'nothing'}`);
    if (url === undefined || purpose === undefined) {
      this.#powerOff({ kind: 'failed', reason: 'the kernel line names no rackboot_url' });
      return;
    }
    const report = this.#spec.enlistmentForm(instruction.sysappendBootif ? formatMac(this.#spec.mac) : '');
    this.#token = kernelArgument(instruction.append, 'rackboot_token');
    if (this.#spec.doesJobs === true && purpose !== 'enlist' && this.#token !== undefined) {
      this.#stage = 'working';
      this.#agentRun = runJob({ url, report, cloudInit: this.#spec.cloudInit === true, fault: this.#spec.fault });
      this.#continueRun(undefined, now);
      return;
    }
    this.#stage = 'posting';
    this.#sendAgentRequest({ method: 'POST', url: `${url}/api/2.0/machines/`, body: report }, now);
  }

  #sendAgentRequest(request: AgentRequest, now: Instant): void {
    const token = this.#token;
    const fields = token === undefined ? {} : { fields: { 'X-Rackboot-Token': token } };
    const httpRequest = { kind: 'http', ...fields, ...request } as const;
    const paceMs = this.#spec.paceMs?.() ?? 0;
    if (paceMs === 0) this.#fetch(httpRequest, now);
    else this.#http.beginLater(httpRequest, later(now, paceMs));
  }

  #continueRun(answer: AgentAnswer | undefined, now: Instant): void {
    const runStep = answer === undefined ? this.#agentRun?.next() : this.#agentRun?.next(answer);
    if (runStep === undefined) return;
    if (runStep.done !== true) {
      this.#sendAgentRequest(runStep.value, now);
      return;
    }
    const end = runStep.value;
    if (end.kind === 'up') {
      this.#end({ kind: 'system-up', address: this.#dhcp.lease?.address ?? ANY });
      return;
    }
    if (end.kind === 'off') {
      this.#step('working', end.outcome.kind === 'failed' ? end.outcome.reason : 'has finished its job');
      if (end.outcome.kind === 'worked' && end.outcome.job === 'erase') this.#disk = 'blank';
      this.#powerOff(end.outcome);
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
    this.#offeredAddress = undefined;
    this.#runDhcp(() => this.#dhcp.start(now), now);
  }

  #handlePost(status: number, body: Uint8Array): void {
    const text = Buffer.from(body).toString('utf8');
    if (status === 202) {
      this.#step('posted', 'reported itself; the rack keeps the report until the region is back');
      this.#powerOff({ kind: 'queued' });
      return;
    }
    const systemId = /"system_id"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (status >= 300 || systemId === undefined) {
      this.#powerOff({ kind: 'failed', reason: `the region answered ${status}: ${text.slice(0, 200)}` });
      return;
    }
    this.#step('posted', `reported itself; the region calls it ${systemId}`);
    this.#powerOff({ kind: 'enlisted', systemId });
  }

  #timeout(now: Instant): void {
    if (this.#isAddressing) this.#runDhcp(() => this.#dhcp.timeout(now), now);
    if (this.#tftp !== undefined) this.#runTftp(() => this.#tftp?.timeout(now), now);
    const dueRequest = this.#http.timeout(now);
    if (dueRequest === 'late') this.#retryHttp('no answer', now);
    else if (dueRequest !== undefined) this.#actions.push(dueRequest);
  }

  #powerOff(outcome: MachineOutcome): void {
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
