// Tags: create, change, assign to machines; with the kernel arguments that they bring.
//
// Source: MAAS's `tags/`, in 1.0 with `op=list` and `op=new`.
//
// 1. A tag with a definition is assigned by it: to machines that have been commissioned, when they report their hardware; and to all of them when the
//    definition changes, or by `op=rebuild`. People may assign it, too, until the definition is next evaluated.

import { z } from 'zod';
import { kernelParamsText, refuseKernelParams } from '../../../boot/quotable.ts';
import { cleanText } from '../../../clean-text.ts';
import { whereabouts } from '../../life/whereabouts.ts';
import type { Tag } from '../../records/life-store.ts';
import { DEVICES_MAX } from '../../records/machine.ts';
import { isTagName, TAGGED_MAX, TAGS_MAX } from '../../records/tags.ts';
import { parseXpath } from '../../records/xpath-parser.ts';
import { type Answer, allOf, isRefusal, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  defineOperation,
  eventBy,
  nothing,
  type Operation,
  value,
  values,
} from '../call/operation.ts';
import { deviceJson } from '../json/device-json.ts';
import { listMachines } from './machine-list.ts';

const COMMENT_MAX = 1000;

/** True for a text that is kept as it is, but for blanks around it: one line without control characters. */
const isOneLine = (text: string): boolean =>
  cleanText(text.trim(), COMMENT_MAX) === text.trim() && !text.includes('\ufffd');

const fields = {
  comment: value(z.string().max(COMMENT_MAX).refine(isOneLine, 'Give one line of text without control characters.'))
    .optional()
    .describe('Its purpose.'),
  definition: value(z.string().max(10_000))
    .optional()
    .describe(
      'An XPath expression on the hardware as lshw shows it: the machines where it is true, or finds something, get the tag.',
    ),
  kernel_opts: value(z.string().max(4096))
    .optional()
    .describe('Kernel arguments of its machines, instead of the global ones.'),
};
const TAG_NAME = 'Give at most 64 letters, digits, - and _.';

const tagName = value(z.string().max(256, TAG_NAME).refine(isTagName, TAG_NAME));
const newTag = z.object({ name: tagName.describe('Letters, digits, - and _.'), ...fields });
const changedTag = z.object({ name: tagName.optional().describe('Its new name.'), ...fields });
const changes = z.object({
  add: values(TAGGED_MAX).optional().describe('System ids of machines that get the tag.'),
  remove: values(TAGGED_MAX).optional().describe('System ids of machines that lose it.'),
  definition: fields.definition.describe(
    'The definition by which the caller chose: refused if the tag has another one by now.',
  ),
});

function tagJson(call: ApiCall, { name, comment, kernelParams, definition }: Tag): Record<string, unknown> {
  return {
    name,
    comment,
    definition: definition ?? '',
    kernel_opts: kernelParams,
    resource_uri: `/MAAS/api/${call.version}/tags/${name}/`,
  };
}

const noTag = (): Refusal => refuse('not-found', 'No tag has this name.');
const listTags = ({ region }: ApiCall): Promise<readonly Tag[]> => region.store.life.listTags();
const findTag = async (call: ApiCall): Promise<Tag | undefined> =>
  (await listTags(call)).find(({ name }) => name === call.path.name);

/** The tag with the parameters applied, or a refusal of all invalid ones. */
function tagOf(given: z.output<typeof changedTag>, before: Tag): Tag | Refusal {
  const name = given.name ?? before.name;
  const definition = given.definition?.trim() ?? before.definition ?? '';
  const parsed = definition === '' ? undefined : parseXpath(definition);
  const fault = refuseKernelParams(given.kernel_opts ?? '');
  const checked = allOf(
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
    comment: given.comment === undefined ? before.comment : given.comment.trim(),
    kernelParams: given.kernel_opts?.trim() ?? before.kernelParams,
    ...(definition === '' ? {} : { definition }),
  };
}

const TAG_EXISTS = 'Tag with this Name already exists.';

async function add(call: ApiCall, given: z.output<typeof newTag>): Promise<Answer> {
  const tag = tagOf(given, { name: given.name, comment: '', kernelParams: '' });
  if ('kind' in tag) return tag;
  const event = eventBy(call, 'TAG', { code: 'tag-created', params: { tag: tag.name } });
  const outcome = await call.region.store.life.addTag(tag, TAGS_MAX, event);
  if (outcome === 'exists') return refuseField('name', TAG_EXISTS);
  if (outcome === 'limit') return refuseField('name', `There are already ${TAGS_MAX} tags, the maximum: delete some.`);
  return await assigned(call, tag);
}

async function change(call: ApiCall, given: z.output<typeof changedTag>): Promise<Answer> {
  const changed = await call.region.transact(() => storeChange(call, given));
  if ('kind' in changed) return changed;
  const { tag, before } = changed;
  await call.region.machinesChanged();
  return tag.definition === before.definition ? json(tagJson(call, tag)) : await assigned(call, tag);
}

/** Stores the changed tag. Its machines get it afterwards, in steps. */
async function storeChange(
  call: ApiCall,
  given: z.output<typeof changedTag>,
): Promise<Refusal | { readonly tag: Tag; readonly before: Tag }> {
  const before = await findTag(call);
  if (before === undefined) return noTag();
  const tag = tagOf(given, before);
  if ('kind' in tag) return tag;
  const event = eventBy(call, 'TAG', { code: 'tag-changed', params: { tag: before.name } });
  const outcome = await call.region.store.life.changeTag(before.name, tag, event);
  if (outcome === 'not-found') return noTag();
  return outcome === 'exists' ? refuseField('name', TAG_EXISTS) : { tag, before };
}

/** Assigns the tag by its definition, then answers with `done`. */
async function assign(call: ApiCall, tag: Tag, done: () => Answer): Promise<Answer> {
  const { rebuildTag } = await import('./tag-rebuild.ts');
  return await rebuildTag(call, tag, eventBy(call, 'TAG', { code: 'tag-assigned', params: { tag: tag.name } }), done);
}

/** The tag, assigned by its definition. */
const assigned = (call: ApiCall, tag: Tag): Promise<Answer> => assign(call, tag, () => json(tagJson(call, tag)));

async function rebuild(call: ApiCall): Promise<Answer> {
  const tag = await findTag(call);
  if (tag === undefined) return noTag();
  return await assign(call, tag, () => json({ rebuilding: tag.name }));
}

async function remove(call: ApiCall): Promise<Answer> {
  const name = call.path.name ?? '';
  const event = eventBy(call, 'TAG', { code: 'tag-deleted', params: { tag: name } });
  if (!(await call.region.store.life.removeTag(name, event))) return noTag();
  await call.region.machinesChanged();
  return { kind: 'empty' };
}

async function updateNodes(call: ApiCall, given: z.output<typeof changes>): Promise<Answer> {
  const name = call.path.name ?? '';
  const tag = given.definition === undefined ? undefined : await findTag(call);
  if (tag !== undefined && (tag.definition ?? '') !== given.definition)
    return refuse(
      'tag-changed',
      `Nothing was changed: ${name} has another definition by now. Read the tag again, and choose the machines by that.`,
    );
  const done = await call.region.store.life.tagMachines(
    name,
    given.add ?? [],
    given.remove ?? [],
    eventBy(call, 'TAG', { code: 'tag-assigned', params: { tag: name } }),
  );
  if (done === undefined) return noTag();
  await call.region.machinesChanged();
  return json(done);
}

async function listTagged(call: ApiCall): Promise<Answer> {
  const tag = await findTag(call);
  return tag === undefined ? noTag() : listMachines(call, { tags: [tag.name] });
}

async function readTag(call: ApiCall): Promise<Answer> {
  const tag = await findTag(call);
  return tag === undefined ? noTag() : json(tagJson(call, tag));
}

/** The devices with a tag; controllers have none. */
function otherListings(): readonly Operation[] {
  const one = { versions: ['2.0'], path: 'tags/{name}', handler: 'TagHandler', method: 'GET', access: 'user' } as const;
  const list = async (call: ApiCall, op: string): Promise<Answer> => {
    const tag = await findTag(call);
    if (tag === undefined) return noTag();
    if (op !== 'devices') return json([]);
    const where = whereabouts(call.region);
    const devices = await call.region.store.listMachines({ tags: [tag.name], isDevice: true }, 0, DEVICES_MAX);
    return json(devices.map((device) => deviceJson(device, where)));
  };
  const listings = [
    ['devices', 'device', 'List the devices that have the tag.'],
    [
      ...(['rack_controllers', 'rackController'] as const),
      'List the racks that have the tag: none, because only machines and devices have tags.',
    ],
    ['region_controllers', 'regionController', 'List the regions that have the tag: none, likewise.'],
  ] as const;
  return listings.map(([op, kind, doc]) =>
    defineOperation({ ...one, op, answers: [kind], doc, parameters: nothing, run: (call) => list(call, op) }),
  );
}

/** Which machines have a tag. */
function assigningOf(version: ApiVersion): readonly Operation[] {
  const one = { versions: [version], path: 'tags/{name}', handler: 'TagHandler' } as const;
  const listing = (op: string): Operation =>
    defineOperation({
      ...one,
      method: 'GET',
      op,
      access: 'user',
      answers: ['machine'],
      doc: 'List the machines that have the tag.',
      parameters: nothing,
      run: listTagged,
    });
  return [
    defineOperation({
      ...one,
      method: 'POST',
      op: 'update_nodes',
      access: 'admin',
      answers: 'tagChange',
      doc:
        'Assign the tag to machines, and remove it from others: all, or none. Repeating it changes nothing. If-Match compares the tag itself, ' +
        'not which machines have it.',
      parameters: changes,
      run: updateNodes,
    }),
    defineOperation({
      ...one,
      method: 'POST',
      ownTransaction: true,
      op: 'rebuild',
      access: 'admin',
      answers: 'tagRebuild',
      doc:
        'Assign the tag by its definition, to all machines that have been commissioned, a few at a time. Repeating it changes nothing. It ' +
        'takes no If-Match.',
      parameters: nothing,
      run: rebuild,
    }),
    listing('nodes'),
    ...(version === '1.0' ? [] : [listing('machines'), ...otherListings()]),
  ];
}

function operationsOf(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: 'tags', handler: 'TagsHandler' } as const;
  const one = { versions: [version], path: 'tags/{name}', handler: 'TagHandler' } as const;
  return [
    defineOperation({
      ...many,
      method: 'GET',
      op: isOld ? 'list' : undefined,
      access: 'user',
      answers: ['tag'],
      doc: 'List tags.',
      parameters: nothing,
      run: async (call) => json((await listTags(call)).map((tag) => tagJson(call, tag))),
    }),
    defineOperation({
      ...many,
      method: 'POST',
      op: isOld ? 'new' : undefined,
      access: 'admin',
      ownTransaction: true,
      answers: 'tag',
      doc: 'Create a tag. A tag with a definition is assigned at once.',
      parameters: newTag,
      run: add,
    }),
    defineOperation({
      ...one,
      method: 'GET',
      access: 'user',
      answers: 'tag',
      doc: 'Read one tag.',
      parameters: nothing,
      run: readTag,
    }),
    defineOperation({
      ...one,
      method: 'PUT',
      access: 'admin',
      ownTransaction: true,
      answers: 'tag',
      doc: 'Change a tag. A tag whose definition changes is assigned again.',
      parameters: changedTag,
      run: change,
    }),
    defineOperation({
      ...one,
      method: 'DELETE',
      access: 'admin',
      answers: 'nothing',
      doc: 'Delete a tag.',
      parameters: nothing,
      run: remove,
    }),
    ...assigningOf(version),
  ];
}

export const TAG_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(operationsOf);
