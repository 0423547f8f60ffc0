// The agent in a simulated machine, with the effects that others see. Sans-IO: it yields requests
// and receives answers. Its disk is a string.
//
//   job ─┬─ commission: reports its hardware (not to be tested), runs each script, reports success ─► off
//        ├─ deploy: reports the progress of writing the disk, then its end ─► restarts
//        ├─ erase: reports that its disks are erased ─► off
//        ├─ rescue: reports that it is ready ─► stays on
//        ├─ reboot: its rack did not yet know that the disk is written ─► restarts
//        └─ poweroff, none ─► off
//
// 1. A refusal ends the run. The caller repeats requests that get no answer.

import type { MachineOutcome } from './machine-actions.ts';

export interface AgentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body?: string;
  /** Header fields instead of the boot token. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
}

/** How the agent's run ends: off, a restart from the disk as it is now, or a running system. */
type AgentEnd =
  | { readonly kind: 'off'; readonly outcome: MachineOutcome }
  /**
   * `cloudConfig` is for the cloud-init of the new system. It is empty if that system has no
   * cloud-init, and undefined if no system was written.
   */
  | { readonly kind: 'restart'; readonly cloudConfig: string | undefined }
  | { readonly kind: 'up' };

export type AgentRun = Generator<AgentRequest, AgentEnd, AgentAnswer>;

interface AgentOptions {
  /** The region's URL as the machine sees it, ending in `/MAAS`. */
  readonly url: string;
  /** The form body that reports its hardware. */
  readonly report: string;
  /** True if the system that it writes has cloud-init. */
  readonly cloudInit: boolean;
  /** Why the memory test fails; undefined if every test passes. */
  readonly fault: string | undefined;
}

const SCRIPTS_MAX = 256;
/** The script that reports the fault. */
const FAULTY_SCRIPT = 'memory';
/** How many progress reports are sent while the disk is written. */
const WRITE_REPORTS = 10;

class RefusedRequest extends Error {}

export function* runJob(options: AgentOptions): AgentRun {
  try {
    const lines = (yield* askMetadata(options, 'GET', 'job')).split('\n');
    const job = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    switch (job.job) {
      case 'commission':
        return yield* commission(options, Number(job.scripts ?? 0), job.purpose === 'testing');
      case 'deploy':
        return yield* deploy(options, Number(job.image_bytes ?? 0));
      case 'erase':
        yield* sendSignal(options, { status: 'OK', stage: 'erased' });
        return endJob('erase');
      case 'rescue':
        yield* sendSignal(options, { status: 'OK', stage: 'login' });
        return endJob('rescue');
      case 'reboot':
        return { kind: 'restart', cloudConfig: undefined };
      default:
        return endJob(job.job ?? 'none');
    }
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    return { kind: 'off', outcome: { kind: 'failed', reason: error.message } };
  }
}

const endJob = (job: string): AgentEnd => ({ kind: 'off', outcome: { kind: 'worked', job } });

function* commission(options: AgentOptions, scriptCount: number, isTesting: boolean): AgentRun {
  // The region expects no report of the hardware in the state Testing.
  if (!isTesting) {
    const answer = yield { method: 'POST', url: `${options.url}/api/2.0/machines/`, body: options.report };
    if (answer.status >= 300) throw new RefusedRequest(`its report was answered ${answer.status}: ${answer.text}`);
  }
  yield* sendSignal(options, { status: 'WORKING', stage: 'testing' });
  if (scriptCount > 0) yield* runScripts(options);
  if (options.fault !== undefined) {
    yield* sendSignal(options, { status: 'FAILED', stage: 'testing', message: options.fault });
    return endJob('commission');
  }
  yield* sendSignal(options, { status: 'OK', stage: 'tested' });
  return endJob('commission');
}

function* runScripts(options: AgentOptions): Generator<AgentRequest, void, AgentAnswer> {
  const scriptLines = (yield* askMetadata(options, 'GET', 'scripts')).split('\n').filter((line) => line !== '');
  for (const line of scriptLines.slice(0, SCRIPTS_MAX)) {
    const [id = '', , , name = ''] = line.split(' ');
    yield* sendSignal(options, { status: 'WORKING', stage: 'testing', script: name, script_id: id });
    const endFields = { script: name, script_id: id, ended: 'exited', ...buildResult(name, options.fault) };
    yield* sendSignal(options, { status: 'WORKING', stage: 'testing', ...endFields });
  }
}

/** The fields for exit status and output. */
function buildResult(name: string, fault: string | undefined): Readonly<Record<string, string>> {
  if (fault === undefined || name !== FAULTY_SCRIPT) return { exit_status: '0' };
  return { exit_status: '1', offset: '0', output_base64: Buffer.from(`${fault}\n`).toString('base64') };
}

function* deploy(options: AgentOptions, bytes: number): AgentRun {
  yield* sendSignal(options, { status: 'WORKING', stage: 'partitioning' });
  for (let reportIndex = 1; reportIndex <= WRITE_REPORTS; reportIndex += 1) {
    const progressFields = {
      done_bytes: String(Math.floor((bytes * reportIndex) / WRITE_REPORTS)),
      total_bytes: String(bytes),
    };
    yield* sendSignal(options, { status: 'WORKING', stage: 'writing', ...progressFields });
  }
  const cloudConfig = options.cloudInit ? yield* fetchCloudConfig(options) : '';
  yield* sendSignal(options, { status: 'OK', stage: 'written' });
  return { kind: 'restart', cloudConfig };
}

function* fetchCloudConfig(options: AgentOptions): Generator<AgentRequest, string, AgentAnswer> {
  yield* sendSignal(options, { status: 'WORKING', stage: 'personalising' });
  return yield* askMetadata(options, 'GET', 'cloud-config');
}

function* askMetadata(options: AgentOptions, method: 'GET' | 'POST', name: string, body?: string) {
  const url = `${options.url}/rackboot/1/${name}`;
  const { status, text }: AgentAnswer = yield body === undefined ? { method, url } : { method, url, body };
  if (status >= 300) throw new RefusedRequest(`${name} was answered ${status}: ${text.slice(0, 200)}`);
  return text;
}

const sendSignal = (options: AgentOptions, fields: Readonly<Record<string, string>>) =>
  askMetadata(options, 'POST', 'signal', new URLSearchParams(fields).toString());
