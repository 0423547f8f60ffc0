// Tags: create, change, assign to machines; with the kernel arguments that they bring.
//
// Source: MAAS's `tags/`, in 1.0 with `op=list` and `op=new`.
//
// 1. A tag with a definition is assigned by it: to machines that have been commissioned, when they
//    report their hardware; and to all of them when the definition changes, or by `op=rebuild`.
//    People may assign it, too, until the definition is next evaluated.
// 2. A definition is evaluated on all machines a few in each step. If the tag changes meanwhile,
//    nothing more is assigned by the definition that was read: the later change assigns its own.

import { z } from 'zod';
import { kernelParamsText, refuseKernelParams } from '../../../boot/quotable.ts';
import { cleanText } from '../../../ground/clean-text.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { changeFor } from '../../life/tagging.ts';
import type { Tag } from '../../records/life-store.ts';
import { DEVICES_MAX } from '../../records/machine.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { isTagName, TAGGED_MAX, TAGS_MAX } from '../../records/tags.ts';
import { parseXpath } from '../../records/xpath.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { renameInProfiles } from '../areas/profile-names.ts';
import {
  type Answer,
  combineOrRefuse,
  EMPTY,
  isRefusal,
  json,
  type Refusal,
  refuse,
  refuseField,
} from '../call/answer.ts';
import { searchFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  type ApiVersion,
  controls,
  eventBy,
  nothing,
  type Operation,
  operation,
  optionalList,
  optionalText,
  ownTransaction,
  value,
} from '../call/operation.ts';
import { deviceJson } from '../json/device-json.ts';
import { answerMachineList } from './machine-list.ts';

const COMMENT_MAX = 1000;

/** True for a text that is kept as it is, but for blanks around it: one line without control characters. */
const isOneLine = (text: string) => cleanText(text.trim(), COMMENT_MAX) === text.trim() && !text.includes('\ufffd');

const fields = {
  comment: value(z.string().max(COMMENT_MAX).refine(isOneLine, 'Give one line of text without control characters.'))
    .optional()
    .describe('Its purpose.')
    .register(controls, { label: 'Description', hint: '' }),
  definition: optionalText(
    10_000,
    'An XPath expression on the hardware as lshw shows it: the machines where it is true, or finds something, get the tag.',
  ),
  kernel_opts: optionalText(4096, 'Kernel arguments of its machines, instead of the global ones.', {
    hint: "These replace the parameters of the settings. If several of a machine's tags have some, the first by name applies.",
  }),
};
const TAG_NAME = 'Give at most 64 letters, digits, - and _.';

const tagName = value(z.string().max(256, TAG_NAME).refine(isTagName, TAG_NAME)).register(controls, {
  hint: 'Letters, digits, - and _.',
});
const newTag = z.object({ name: tagName.describe('Letters, digits, - and _.'), ...fields });
const changedTag = z.object({ name: tagName.optional().describe('Its new name.'), ...fields });
const changes = z.object({
  add: optionalList(TAGGED_MAX, 'System ids of machines that get the tag.'),
  remove: optionalList(TAGGED_MAX, 'System ids of machines that lose it.'),
  definition: fields.definition.describe(
    'The definition by which the caller chose: refused if the tag has another one by now.',
  ),
});

function tagJson(call: ApiCall, { name, comment, kernelParams, definition }: Tag): AnswerOf<'tag'> {
  return {
    name,
    comment,
    definition: definition ?? '',
    kernel_opts: kernelParams,
    resource_uri: `/MAAS/api/${call.version}/tags/${name}/`,
  };
}

const noTag = () => refuse('not-found', 'No tag has this name.');
const listTags = ({ region }: ApiCall) => region.store.life.listTags();
const findTagInPath = async (call: ApiCall) => (await listTags(call)).find(({ name }) => name === call.path.name);

function buildTag(input: z.output<typeof changedTag>, before: Tag): Tag | Refusal {
  const name = input.name ?? before.name;
  const definition = input.definition?.trim() ?? before.definition ?? '';
  const parsed = definition === '' ? undefined : parseXpath(definition);
  const fault = refuseKernelParams(input.kernel_opts ?? '');
  const checked = combineOrRefuse(
    parsed?.kind === 'fault'
      ? refuseField(
          'definition',
          `At character ${parsed.at}, ${parsed.found === '' ? 'the end' : `'${parsed.found}'`}: Rackboot evaluates paths such as //node[@id="memory"]/size, predicates, comparisons, and, or, contains, starts-with, not, count, sum, number, string, true and false; no other part of XPath.`,
        )
      : undefined,
    fault === undefined ? undefined : refuseField('kernel_opts', kernelParamsText(fault)),
  );
  if (isRefusal(checked)) return checked;
  return {
    name,
    comment: input.comment === undefined ? before.comment : input.comment.trim(),
    kernelParams: input.kernel_opts?.trim() ?? before.kernelParams,
    ...(definition === '' ? {} : { definition }),
  };
}

const TAG_EXISTS = 'Tag with this Name already exists.';

async function addTag(call: ApiCall, input: z.output<typeof newTag>): Promise<Answer> {
  const tag = buildTag(input, { name: input.name, comment: '', kernelParams: '' });
  if ('kind' in tag) return tag;
  const event = eventBy(call, 'TAG', { code: 'tag-created', params: { tag: tag.name } });
  const outcome = await call.region.store.life.addTag(tag, TAGS_MAX, event);
  if (outcome === 'exists') return refuseField('name', TAG_EXISTS);
  if (outcome === 'limit') return refuseField('name', `There are already ${TAGS_MAX} tags, the maximum: delete some.`);
  return await assigned(call, tag);
}

async function changeTag(call: ApiCall, input: z.output<typeof changedTag>): Promise<Answer> {
  const changed = await call.region.transact(() => storeChange(call, input));
  if ('kind' in changed) return changed;
  const { tag, before } = changed;
  await call.region.machinesChanged();
  return tag.definition === before.definition ? json(tagJson(call, tag)) : await assigned(call, tag);
}

/** Stores the changed tag. Its machines get it afterwards, in steps. */
async function storeChange(
  call: ApiCall,
  input: z.output<typeof changedTag>,
): Promise<Refusal | { readonly tag: Tag; readonly before: Tag }> {
  const before = await findTagInPath(call);
  if (before === undefined) return noTag();
  const tag = buildTag(input, before);
  if ('kind' in tag) return tag;
  // The profiles would else follow to a name that is refused.
  const isTaken = tag.name !== before.name && (await listTags(call)).some(({ name }) => name === tag.name);
  if (isTaken) return refuseField('name', TAG_EXISTS);
  const refused = await renameInProfiles(call, 'tags', before.name, tag.name);
  if (refused !== undefined) return refused;
  const event = eventBy(call, 'TAG', { code: 'tag-changed', params: { tag: before.name } });
  const outcome = await call.region.store.life.changeTag(before.name, tag, event);
  if (outcome === 'not-found') return noTag();
  return outcome === 'exists' ? refuseField('name', TAG_EXISTS) : { tag, before };
}

async function assign(call: ApiCall, tag: Tag, done: () => Answer) {
  return await rebuildTag(call, tag, eventBy(call, 'TAG', { code: 'tag-assigned', params: { tag: tag.name } }), done);
}

const assigned = (call: ApiCall, tag: Tag) => assign(call, tag, () => json(tagJson(call, tag)));

async function rebuild(call: ApiCall): Promise<Answer> {
  const tag = await findTagInPath(call);
  if (tag === undefined) return noTag();
  return await assign(call, tag, () => json({ rebuilding: tag.name }));
}

async function removeTag(call: ApiCall): Promise<Answer> {
  const name = call.path.name ?? '';
  const event = eventBy(call, 'TAG', { code: 'tag-deleted', params: { tag: name } });
  const refused = await renameInProfiles(call, 'tags', name, undefined);
  if (refused !== undefined) return refused;
  if (!(await call.region.store.life.removeTag(name, event))) return noTag();
  await call.region.machinesChanged();
  return EMPTY;
}

async function updateNodes(call: ApiCall, input: z.output<typeof changes>): Promise<Answer> {
  const name = call.path.name ?? '';
  const tag = input.definition === undefined ? undefined : await findTagInPath(call);
  if (tag !== undefined && (tag.definition ?? '') !== input.definition)
    return refuse(
      'tag-changed',
      `Nothing was changed: ${name} has another definition by now. Read the tag again, and choose the machines by that.`,
    );
  const done = await call.region.store.life.tagMachines(
    name,
    input.add ?? [],
    input.remove ?? [],
    eventBy(call, 'TAG', { code: 'tag-assigned', params: { tag: name } }),
  );
  if (done === undefined) return noTag();
  await call.region.machinesChanged();
  return json(done);
}

async function listTagged(call: ApiCall): Promise<Answer> {
  const tag = await findTagInPath(call);
  return tag === undefined ? noTag() : answerMachineList(call, { tags: [tag.name] });
}

const answerTags = async (call: ApiCall) => json((await listTags(call)).map((tag) => tagJson(call, tag)));

async function readTag(call: ApiCall): Promise<Answer> {
  const tag = await findTagInPath(call);
  return tag === undefined ? noTag() : json(tagJson(call, tag));
}

/** Controllers have no tags. */
const listOthers =
  (isDevice: boolean) =>
  async (call: ApiCall): Promise<Answer> => {
    const tag = await findTagInPath(call);
    if (tag === undefined) return noTag();
    if (!isDevice) return json([]);
    const where = readPlacement(call.region);
    const devices = await call.region.store.listMachines({ tags: [tag.name], isDevice }, 0, DEVICES_MAX);
    return json(devices.map((device) => deviceJson(device, where)));
  };

const UPDATE = 'Assign the tag to machines, and remove it from others: all, or none. Repeating it changes nothing.';
const REBUILD =
  'Assign the tag by its definition, to all machines that have been commissioned, a few at a time. Repeating it changes nothing.';
const LIST_MACHINES = 'List the machines that have the tag.';
const LIST_RACKS = 'List the racks that have the tag: none, because only machines and devices have tags.';
const LIST_REGIONS = 'List the regions that have the tag: none, likewise.';
const CHANGE = 'Change a tag. A tag whose definition changes is assigned again, and profiles follow a new name.';

function defineTagOperations(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: 'tags', handler: 'TagsHandler' } as const;
  const item = { versions: [version], path: 'tags/{name}', handler: 'TagHandler' } as const;
  const old = [
    operation(many, isOld ? 'GET list' : 'GET', 'user', ['tag'], 'List tags.', nothing, answerTags),
    operation(
      ownTransaction(many),
      isOld ? 'POST new' : 'POST',
      'admin',
      'tag',
      'Create a tag. A tag with a definition is assigned at once.',
      newTag,
      addTag,
    ),
    operation(item, 'GET', 'user', 'tag', 'Read one tag.', nothing, readTag),
    operation(ownTransaction(item), 'PUT', 'admin', 'tag', CHANGE, changedTag, changeTag),
    operation(
      item,
      'DELETE',
      'admin',
      'nothing',
      'Delete a tag. Refused while a profile names it.',
      nothing,
      removeTag,
    ),
    operation(item, 'POST update_nodes', 'admin', 'tagChange', UPDATE, changes, updateNodes),
    operation(ownTransaction(item), 'POST rebuild', 'admin', 'tagRebuild', REBUILD, nothing, rebuild),
    operation(item, 'GET nodes', 'user', ['machine'], LIST_MACHINES, nothing, listTagged),
  ];
  if (isOld) return old;
  return [
    ...old,
    operation(item, 'GET machines', 'user', ['machine'], LIST_MACHINES, nothing, listTagged),
    operation(
      item,
      'GET devices',
      'user',
      ['device'],
      'List the devices that have the tag.',
      nothing,
      listOthers(true),
    ),
    operation(item, 'GET rack_controllers', 'user', ['rackController'], LIST_RACKS, nothing, listOthers(false)),
    operation(item, 'GET region_controllers', 'user', ['regionController'], LIST_REGIONS, nothing, listOthers(false)),
  ];
}

export const TAG_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(defineTagOperations);

/** Machines that are evaluated in one step. */
const EVALUATED_AT_ONCE = 20;

/**
 * Assigns a tag by its definition, then answers with `done`. A tag without one stays as people
 * assigned it.
 */
async function rebuildTag(
  call: ApiCall,
  tag: { readonly name: string; readonly definition?: string | undefined },
  event: NewMachineEvent,
  done: () => Answer,
): Promise<Answer> {
  const parsed = parseXpath(tag.definition ?? '');
  if (parsed.kind === 'fault') return done();
  const { store } = call.region;
  return await searchFor(call, steps());

  async function* steps(): AsyncGenerator<undefined, Answer> {
    const changes: { readonly add: string[]; readonly remove: string[] } = { add: [], remove: [] };
    for await (const machines of machineChunks(store, {}, EVALUATED_AT_ONCE)) {
      for (const machine of machines) {
        const change = parsed.kind === 'xpath' ? changeFor(machine, tag.name, parsed.matches) : undefined;
        if (change !== undefined) changes[change].push(machine.systemId);
      }
      yield;
    }
    while (changes.add.length + changes.remove.length > 0) {
      const [add, remove] = [changes.add.splice(0, TAGGED_MAX), changes.remove.splice(0, TAGGED_MAX)];
      const isCurrent = await store.transact(async () => {
        const now = (await store.life.listTags()).find(({ name }) => name === tag.name);
        if (now === undefined || (now.definition ?? '') !== (tag.definition ?? '')) return false;
        return (await store.life.tagMachines(tag.name, add, remove, event)) !== undefined;
      });
      if (!isCurrent) break;
      yield;
    }
    await call.region.machinesChanged();
    return done();
  }
}
