// The script that the parameters of an operation make, and the refusals of those that make none.

import type { WrittenScript } from '../../records/script-store.ts';
import {
  HARDWARE_FORM,
  PARALLEL_FORM,
  parseHardware,
  parseKind,
  parseParallel,
  parseScript,
  parseTimeout,
  SCRIPT_TYPE_FORM,
} from '../../scripts/script-text.ts';
import { combineOrRefuse, isRefusal, type Refusal, refuseField, refuseFields } from '../call/answer.ts';
import { type ApiCall, isTrue } from '../call/operation.ts';

/** The parameters of a script; `undefined`: it keeps the value, or has that of its text. */
interface GivenScript extends Readonly<Partial<Record<TextName, string | undefined>>> {
  readonly tags?: readonly string[] | undefined;
}
type TextName =
  | ('name' | 'script' | 'type' | 'title' | 'description' | 'timeout' | 'position')
  | ('hardware_type' | 'parallel' | 'destructive' | 'packages' | 'may_reboot');

/** The script made from the parameters and the script before, if any; or a refusal. */
export function buildScript(
  call: ApiCall,
  input: GivenScript,
  before: WrittenScript | undefined,
): WrittenScript | Refusal {
  const { type, timeout: time, hardware_type: device, parallel: partners, destructive } = input;
  const kind = type === undefined ? undefined : parseKind(type);
  const timeout = time === undefined ? undefined : parseTimeout(time);
  const hardware = device === undefined ? undefined : parseHardware(device);
  const parallel = partners === undefined ? undefined : parseParallel(partners);
  const parsed = parseScript({
    before,
    content: input.script,
    name: input.name,
    kind,
    title: input.title,
    description: input.description,
    timeoutSeconds: timeout,
    position: input.position === undefined ? undefined : Number(input.position),
    tags: input.tags,
    hardware,
    parallel,
    isDestructive: destructive === undefined ? undefined : isTrue(destructive),
  });
  const checked = combineOrRefuse(
    parsed.kind === 'fault' ? refuseFields(parsed.problems) : parsed,
    input.packages ? refuseField('packages', 'Nothing is installed before a script: it runs with busybox.') : undefined,
    isTrue(input.may_reboot) ? refuseField('may_reboot', 'A script may not restart its machine.') : undefined,
    type !== undefined && kind === undefined ? refuseField('type', SCRIPT_TYPE_FORM) : undefined,
    time !== undefined && timeout === undefined
      ? refuseField('timeout', 'Give seconds, or a time such as 01:30:00.')
      : undefined,
    device !== undefined && hardware === undefined ? refuseField('hardware_type', HARDWARE_FORM) : undefined,
    partners !== undefined && parallel === undefined ? refuseField('parallel', PARALLEL_FORM) : undefined,
  );
  if (isRefusal(checked)) return checked;
  const [whole] = checked;
  return { ...whole.script, changedMs: call.region.clock.wallTimeMs() };
}
