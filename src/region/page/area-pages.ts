// The pages of zones and of pools, which machines and racks are in.

import { html } from '../../ground/html.ts';
import type { AreaKind } from '../records/area.ts';
import { type ApiObject, objectPages, textOf } from './object-pages.ts';
import type { PageDefinition, View } from './view.ts';
import { words } from './words.ts';

const idOf = (kind: AreaKind, object: ApiObject) => Number(textOf(object, 'id')) - (kind === 'zone' ? 1 : 0);

const countIn = (view: View, kind: AreaKind, object: ApiObject) => {
  const ids = [idOf(kind, object)];
  return view.region.store.countMachines({
    ...(kind === 'zone' ? { zoneIds: ids } : { poolIds: ids }),
    isDevice: 'either',
  });
};

const machinesLink = (kind: AreaKind, area: ApiObject) =>
  html`<a href="/MAAS/machines/?${kind}=${encodeURIComponent(textOf(area, 'name'))}">${words.areas.machines}</a>`;

const pagesOf = (kind: AreaKind): readonly PageDefinition[] =>
  objectPages({
    path: kind === 'zone' ? '/MAAS/zones/' : '/MAAS/pools/',
    place: kind === 'zone' ? 'zones' : 'pools',
    many: kind === 'zone' ? 'zones' : 'resourcepools',
    one: kind === 'zone' ? 'zones/{name}' : 'resourcepool/{id}',
    words: () => words.areas[kind],
    nameOf: (area) => textOf(area, 'name'),
    keyOf: (area) => textOf(area, kind === 'zone' ? 'name' : 'id'),
    columns: () => [
      { label: words.forms.description, content: (area) => textOf(area, 'description') },
      { label: words.machines.heading, content: (area) => machinesLink(kind, area) },
    ],
    add: () => ({}),
    change: (_view, area) => (idOf(kind, area) === 0 ? { only: ['description'] } : {}),
    async deletion(view, area) {
      if (idOf(kind, area) === 0) return { text: words.areas[kind].isDefault, isRefused: true };
      const count = await countIn(view, kind, area);
      return { text: words.areas[kind].loss(count), isRefused: kind === 'pool' && count > 0 };
    },
  });

export const AREA_PAGES: readonly PageDefinition[] = [...pagesOf('zone'), ...pagesOf('pool')];
