// Operations on the images of each host of a region with several processes, in PostgreSQL
// (`steps.ts`), by the database's clock: those of the hosts differ.
//
// 1. A time in the future counts as now: the database's clock was set back.

import { IMAGES_MAX } from '../../images/store/image-store.ts';
import { formatResourceName } from '../../region/images/region-source.ts';
import {
  type CondemnedImage,
  condemnedAmong,
  condemnedKey,
  type HostImage,
  PLACE_KEPT_MS,
  PLACES_MAX,
  type PlaceImages,
  PRESENT_MS,
} from '../../region/records/host-image-store.ts';
import { codec, flag, json, text } from '../rows.ts';
import { all, one, run, type Steps } from '../steps.ts';

const readCondemned = json<readonly CondemnedImage[]>('condemned').read;

const readPlace = codec<PlaceImages>({
  place: text('place'),
  isPresent: flag('is_present'),
  images: json('images'),
  condemned: json('condemned'),
}).read;

const toCondemnedImage = (image: HostImage): CondemnedImage => ({
  resource: formatResourceName(image),
  serial: image.serial,
  sha256: image.sha256,
  ...(image.filesSha256 === undefined ? {} : { filesSha256: image.filesSha256 }),
});

export class HostImageTable {
  *report(place: string, images: readonly HostImage[], removed: readonly CondemnedImage[]): Steps<void> {
    yield run(
      "DELETE FROM host_images WHERE seen_at < clock_timestamp() - ?1 * interval '1 millisecond'",
      PLACE_KEPT_MS,
    );
    yield run('UPDATE host_images SET seen_at = clock_timestamp() WHERE seen_at > clock_timestamp()');
    const removedKeys = new Set(removed.map(condemnedKey));
    const condemned = (yield* this.condemned(place)).filter((image) => !removedKeys.has(condemnedKey(image)));
    yield run(
      'INSERT INTO host_images (place, images, condemned, seen_at) VALUES (?1, ?2, ?3, clock_timestamp()) ' +
        'ON CONFLICT (place) DO UPDATE SET images = excluded.images, condemned = excluded.condemned, seen_at = excluded.seen_at',
      place,
      JSON.stringify(images),
      JSON.stringify(condemned),
    );
    const othersSql = 'SELECT place FROM host_images WHERE place <> ?1 ORDER BY seen_at DESC, place';
    yield run(`DELETE FROM host_images WHERE place IN (${othersSql} OFFSET ${PLACES_MAX - 1})`, place);
  }

  *condemned(place: string): Steps<readonly CondemnedImage[]> {
    const { row } = yield one('SELECT place, condemned FROM host_images WHERE place = ?', place);
    return row === undefined ? [] : readCondemned(row);
  }

  *condemn(resource: string, exceptAt: string): Steps<void> {
    const places = yield* this.list();
    for (const { place, images, condemned } of places) {
      const doomedImages = images.map(toCondemnedImage).filter((image) => image.resource === resource);
      if (place === exceptAt || doomedImages.length === 0) continue;
      yield run(
        'UPDATE host_images SET condemned = ? WHERE place = ?',
        JSON.stringify([...condemned, ...doomedImages].slice(-IMAGES_MAX)),
        place,
      );
    }
  }

  /** Ordered by name. */
  *list(): Steps<readonly PlaceImages[]> {
    const { rows } = yield all(
      "SELECT place, images, condemned, CASE WHEN seen_at > clock_timestamp() - ?1 * interval '1 millisecond' THEN 1 ELSE 0 END " +
        'AS is_present FROM host_images ORDER BY place',
      PRESENT_MS,
    );
    return rows.map(readPlace).map((place) => {
      const isCondemned = condemnedAmong(place.condemned);
      return { ...place, images: place.images.filter((image) => !isCondemned(toCondemnedImage(image))) };
    });
  }
}
