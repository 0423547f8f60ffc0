// The tags, each with its kernel parameters and the number of its machines.

import { html } from '../../../ground/html.ts';
import { type ApiObject, getPropertyText, objectPages } from '../frame/object-pages.ts';
import type { PageDefinition } from '../frame/view.ts';
import { words } from '../frame/words.ts';

const getTagName = (tag: ApiObject) => getPropertyText(tag, 'name');

const formOptions = () => ({ only: ['name', 'comment', 'kernel_opts'] });

export const TAG_PAGES: readonly PageDefinition[] = objectPages({
  path: '/MAAS/tags/',
  place: 'tags',
  many: 'tags',
  one: 'tags/{name}',
  words: () => words.tags,
  nameOf: getTagName,
  keyOf: getTagName,
  async columns({ region }) {
    const counts = await region.store.life.countTagged();
    const machines = (tag: ApiObject) =>
      html`<a href="/MAAS/machines/?tags=${encodeURIComponent(getTagName(tag))}">${words.tags.machines(counts.get(getTagName(tag)) ?? 0)}</a>`;
    const parameters = (tag: ApiObject) => {
      const text = getPropertyText(tag, 'kernel_opts');
      return text === '' ? '' : html`<code>${text}</code>`;
    };
    return [
      { label: words.forms.description, content: (tag) => getPropertyText(tag, 'comment') },
      { label: words.forms.kernelParams, content: parameters },
      { label: words.machines.heading, content: machines },
    ];
  },
  add: formOptions,
  change: formOptions,
  async deletion({ region }, tag) {
    return { text: words.tags.loss(await region.store.countMachines({ tags: [getTagName(tag)] })) };
  },
});
