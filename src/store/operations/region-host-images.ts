// Operations on the images of each host of a region with several processes, in PostgreSQL (`region-steps.ts`). All times come from the
// database's clock, because the clocks of the hosts differ.
//
// 1. A damaged row is left out, and repaired by the next report of its place. An image whose name no store can have is left out.
// 2. A time in the future counts as now: the database's clock was set back, or somebody edited the row.

import { z } from 'zod';
import { cleanText } from '../../clean-text.ts';
import { IMAGES_MAX, judgeImageName } from '../../images/image-store.ts';
import { resourceName } from '../../region/images/region-source.ts';
import {
  type CondemnedImage,
  condemnedImage,
  type HostImage,
  hostImage,
  PLACE_KEPT_MS,
  PLACES_MAX,
  type PlaceImages,
  PRESENT_MS,
} from '../../region/records/host-image-store.ts';
import { json, readsRow, text } from '../rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import { all, one, run, type Steps } from './region-steps.ts';

const imageList = z.array(hostImage).max(IMAGES_MAX);
const condemnedList = z.array(condemnedImage).max(IMAGES_MAX);

const readCondemned = readsRow('host_images', (row) => json(row, 'condemned', condemnedList), 'place');

const readPlace = readsRow(
  'host_images',
  (row): PlaceImages => {
    const condemned = json(row, 'condemned', condemnedList);
    const keys = new Set(condemned.map(keyOf));
    const images = json(row, 'images', imageList).filter((image) => judgeImageName(image) === undefined);
    return {
      place: text(row, 'place'),
      isPresent: text(row, 'presence') === 'present',
      images: images.filter((image) => !keys.has(keyOf(condemnedOf(image)))).map(cleaned),
      condemned,
    };
  },
  'place',
);

const keyOf = ({ resource, serial, sha256 }: CondemnedImage): string => `${resource}/${serial} ${sha256}`;

const condemnedOf = (image: HostImage): CondemnedImage => ({
  resource: resourceName(image),
  serial: image.serial,
  sha256: image.sha256,
});

const cleaned = ({ title, origin, ...image }: HostImage): HostImage => ({
  ...image,
  title: cleanText(title),
  ...(origin === undefined ? {} : { origin: { source: cleanText(origin.source) } }),
});

export function* reportImages(
  place: string,
  images: readonly HostImage[],
  removed: readonly CondemnedImage[],
): Steps<void> {
  yield run("DELETE FROM host_images WHERE seen_at < clock_timestamp() - ?1 * interval '1 millisecond'", PLACE_KEPT_MS);
  yield run('UPDATE host_images SET seen_at = clock_timestamp() WHERE seen_at > clock_timestamp()');
  const gone = new Set(removed.map(keyOf));
  const condemned = (yield* condemnedAt(place)).filter((image) => !gone.has(keyOf(image)));
  yield run(
    'INSERT INTO host_images (place, images, condemned, seen_at) VALUES (?1, ?2, ?3, clock_timestamp()) ' +
      'ON CONFLICT (place) DO UPDATE SET images = excluded.images, condemned = excluded.condemned, seen_at = excluded.seen_at',
    place,
    JSON.stringify(images),
    JSON.stringify(condemned),
  );
  const others = 'SELECT place FROM host_images WHERE place <> ?1 ORDER BY seen_at DESC, place';
  yield run(`DELETE FROM host_images WHERE place IN (${others} OFFSET ${PLACES_MAX - 1})`, place);
}

export function* condemnedAt(place: string): Steps<readonly CondemnedImage[]> {
  const { row } = yield one('SELECT place, condemned FROM host_images WHERE place = ?', place);
  return (row && new RowReader().read(() => readCondemned(row))) ?? [];
}

export function* condemnImages(resource: string, exceptAt: string): Steps<void> {
  const { found: places } = yield* listPlaces();
  for (const { place, images, condemned } of places) {
    const doomed = images.map(condemnedOf).filter((image) => image.resource === resource);
    if (place === exceptAt || doomed.length === 0) continue;
    yield run(
      'UPDATE host_images SET condemned = ? WHERE place = ?',
      JSON.stringify([...condemned, ...doomed].slice(-IMAGES_MAX)),
      place,
    );
  }
}

export function* listPlaces(): Steps<Readable<readonly PlaceImages[]>> {
  const { rows } = yield all(
    "SELECT place, images, condemned, CASE WHEN seen_at > clock_timestamp() - ?1 * interval '1 millisecond' THEN 'present' " +
      "ELSE 'silent' END AS presence FROM host_images ORDER BY place",
    PRESENT_MS,
  );
  const reader = new RowReader();
  return { found: reader.readEach(rows, readPlace), errors: reader.errors };
}
