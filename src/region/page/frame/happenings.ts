// Sentences of events and of remarks about machines in Japanese and Traditional Chinese that are
// computed, by code; the others are in `lang/*.json`. The English ones, which others read too, are
// those of the records (`records/events.ts`).
//
// 1. What a machine, a power controller or a rack says stays as it is; so do the reasons of imports
//    and the mistakes in preseeds.

import { type Writers, write } from '../../../ground/event.ts';
import { formatBytes } from '../../../ground/quantity.ts';
import { type Difference, differencesText } from '../../records/difference.ts';
import {
  besidesTrust,
  type DoubtWords,
  eventSentence,
  type FailedScript,
  formatAfterColon,
  formatMachineName,
  type Happening,
  type HappeningWords,
  type IdentityKind,
  type MachineName,
  type NetworkDoubt,
  type ReportIgnored,
  type SignalWords,
  type StageReport,
  signalText,
  unaskedText,
} from '../../records/events.ts';
import { importText } from '../../records/import-reason.ts';
import { powerText } from '../../records/power-words.ts';
import { mistakeText } from '../../records/preseed-mistake.ts';
import { formatNameAndId, type ReportRefusals, type ReportRefused } from '../../records/report-refusal.ts';
import { formatParameterLabel } from './operation-form.ts';
import { momentText } from './values.ts';
import { words } from './words.ts';

/** The label of the button that gives a command. */
const nameCommandButton = (command: string): string =>
  Object.entries(words.actions).find(([name]) => name === command)?.[1].label ?? command;

/** What differs, with the labels of the page's forms. */
const differsWords = (differs: readonly Difference[] = []) =>
  formatAfterColon(differencesText(differs, formatParameterLabel, words.settings.none));

/** A sentence within a sentence. */
const quoteHappening = (happening: Happening): string => eventSentence(happening, words.happenings);

const SWITCHED_JA = {
  on: '電源オン',
  off: '電源オフ',
  'soft-off': 'シャットダウン要求',
  cycle: '電源オフ・オン',
} as const;
const CHANGED_JA = { added: '追加', changed: '変更', removed: '削除' } as const;
const AREAS_JA = { zone: 'ゾーン', pool: 'リソースプール' } as const;
const WISHES_JA = { import: 'インポートを再開', pause: '一時停止', cancel: '取り消し', delete: '削除' } as const;
const UPLOADS_JA = {
  begun: 'のアップロードを開始しました',
  added: 'をアップロードして追加しました',
  abandoned: 'の中断されたアップロードを削除しました',
} as const;
const NOUNS_JA = {
  fabric: 'ファブリック',
  space: 'スペース',
  VLAN: 'VLAN',
  subnet: 'サブネット',
  'reserved range': '予約範囲',
  'dynamic range': '動的範囲',
  'static range': '静的範囲',
  'static route': '静的ルート',
  address: 'アドレス',
  'reserved IP': '予約 IP',
  connection: '接続',
  'heard hosts': '検出したホスト',
} as const;
const leftOutJa = (leftOut: readonly unknown[]) =>
  leftOut.length === 0 ? '' : ' (大きすぎるため、一部は保存されていません)';

const KINDS_JA: Readonly<Record<IdentityKind, string>> = {
  uuid: 'UUID',
  serial: 'シリアル番号',
  'board-serial': '基板のシリアル番号',
  'asset-tag': '資産タグ',
  'bmc-mac': 'BMCのMACアドレス',
  'bmc-address': 'BMCのアドレス',
};
const kindsJa = (kinds: readonly IdentityKind[]) => kinds.map((kind) => KINDS_JA[kind]).join('、');
const otherJa = (differs: readonly IdentityKind[]) =>
  differs.length === 0 ? '別のマシンです' : `${kindsJa(differs)}が異なります`;
const oneOrTwoJa = (own: string, { systemId }: MachineName) =>
  `同じマシンの場合: rackboot machines merge ${systemId} ${own}。別のマシンの場合: rackboot machines keep-apart ${systemId} ${own}`;
const stageJa = ({ name, isEnd, result, said }: StageReport) =>
  `${name}${isEnd ? `が終了しました${result === '' ? '' : ` (${result})`}` : 'を開始しました'}${said === name ? '' : formatAfterColon(said)}`;
const failedJa = ({ name, end, exitStatus, timeoutSeconds, said }: FailedScript) => {
  const ends = {
    exited: `が終了ステータス${exitStatus ?? '不明'}で終わりました`,
    'timed-out': `が${timeoutSeconds}秒以内に終わりませんでした`,
    unfinished: 'は最後まで実行されませんでした',
  };
  return `スクリプト${name}${ends[end]}${formatAfterColon(said)}`;
};
const SIGNAL_JA: SignalWords = {
  quote: quoteHappening,
  stage: stageJa,
  running: (script) => `スクリプト${script}を実行しています`,
  ended: (script, exitStatus) => `スクリプト${script}が終了ステータス${exitStatus}で終わりました`,
  passed: (script) => `スクリプト${script}は合格しました`,
  output: (output) => `出力: ${output}`,
};
function ignoredJa(ignored: ReportIgnored): string {
  switch (ignored.why) {
    case 'in-use': {
      const token = ignored.isWithoutToken ? '、ブートトークンなしで' : '';
      return `状態が${words.values.state(ignored.status)}のときに${token}報告しました`;
    }
    case 'of-another-card': {
      const macs = ignored.macs.join(' ');
      return `${ignored.booted}が${macs}を示してこのマシンとして報告しましたが、ほかの証拠はすべて別のマシンであることを示しています。そのカードが今そちらにある場合は、\`rackboot machines split ${ignored.systemId} --mac ${macs}\`を実行するか、このマシンを削除してください`;
    }
    case 'without-token': {
      const made = ignored.isOfPerson ? '人が作成した' : '';
      return `あるホストが、ラックのブートトークンなしで、${made}このマシンとして報告しました`;
    }
    case 'from-elsewhere':
      return `${ignored.address ?? '不明なアドレス'}がこのマシンとして報告しましたが、最初に報告したのは${ignored.first}で、どちらもラックから起動していません。マシンをネットワークから起動すると、本物であることを証明できます`;
  }
}
const REFUSED_JA: Writers<ReportRefusals> = {
  'new-machines-limit': ({ count, max }) =>
    `新規のマシンが${count}台あり (最大${max}台、region.new_machines_max)、入れ替えられるものがありません。いくつか承認または削除してから、このマシンを起動し直してください`,
  'added-machines-limit': ({ count, max }) =>
    `ラックから起動したことのないマシンを${count}台追加していて、上限は${max}台です。いくつか起動するか、管理者に削除または追加を依頼してください`,
  'machines-limit.enlistment': ({ count }) =>
    `リージョンのマシンは最大${count}台です。もう存在しないものを削除してください`,
  'field.hostname-taken': ({ hostname }) => `ホスト名${hostname}は使用されています。別の名前を選んでください`,
  'field.machine-exists': (machine) =>
    `このマシンは${formatNameAndId(machine)}としてすでに存在します。それを編集または削除してください`,
  'field.machines-mixed': ({ holders }) =>
    `UUIDまたはシリアル番号とMACアドレスが、別々のマシンのものです。カードを移した場合: ${holders
      .map((holder) => {
        const macs = holder.macs.join(' ');
        return `${formatNameAndId(holder)}に${macs}があります: \`rackboot machines split ${holder.systemId} --mac ${macs}\``;
      })
      .join('; ')}`,
};
function networkDoubtJa(doubt: NetworkDoubt) {
  switch (doubt.kind) {
    case 'overlap':
      return { why: `${doubt.owner}の${doubt.other}と重なる`, agreement: '両方のラックが担当している場合' };
    case 'wide':
      return { why: `/${doubt.prefix}より広い`, agreement: 'ラックがその全体を担当している場合' };
    case 'many': {
      const why = `合意なしにラックが持てるアドレスの数 (${doubt.addressesMax}) を超える`;
      return { why, agreement: 'ラックがこのネットワークも担当している場合' };
    }
  }
}

export const DOUBTS_JA: Required<DoubtWords> = {
  'maybe-one': ({ machine, macs, same }) => {
    const kinds = same.length === 0 ? '' : `同じ${kindsJa(same)}`;
    const both = [macs.join(', '), kinds].filter((text) => text !== '').join('と');
    return `${formatMachineName(machine)}と同じマシンの可能性があります: どちらも${both}を示しています`;
  },
  'maybe-two': ({ booted, isBack, macs, systemId }) => {
    const without = `${isBack ? 'その代わりとなっていた' : '直前に報告した'}${macs.join(', ')}`;
    return `UUIDとシリアル番号が同じ2台のマシンの可能性があります: ${booted}が、${without}なしで${isBack ? '再び' : ''}起動しました。2台の場合: rackboot machines split ${systemId} --mac ${macs.join(' ')}。カードを交換した場合は、マシンを承認してください`;
  },
  'interface-claimed': ({ machine, macs }) =>
    `${formatMachineName(machine)}と同じマシンの可能性があります: このマシンが起動に使った${macs.join(', ')}は、そちらが自分のものとしていました`,
  'networks-doubted': ({ rack, first, more }) => {
    const { why, agreement } = networkDoubtJa(first);
    const others = more === 0 ? '' : ` (ほか${more}件) `;
    return `${first.network}${others}は${why}ため、信用されません。${agreement}: rackboot racks accept ${rack} --share ${first.network}`;
  },
};

export const HAPPENINGS_JA: HappeningWords = {
  'status-changed': ({ from, to }) => `${words.values.state(from)}から${words.values.state(to)}に変わりました`,
  command: ({ command, comment }) => `${nameCommandButton(command)}${formatAfterColon(comment)}`,
  'power-ordered': ({ task, comment }) => `${SWITCHED_JA[task]}を指示${formatAfterColon(comment)}`,
  'power-switched': ({ task, detail }) => `${SWITCHED_JA[task]}を行いました${formatAfterColon(powerText(detail))}`,
  'power-off-again': ({ task, status }) =>
    `${SWITCHED_JA[task]}の後、再び電源を切りました: 状態は${words.values.state(status)}で、することがありません`,
  'power-uncertain': ({ task, detail }) =>
    `${SWITCHED_JA[task]}を行った可能性があります${formatAfterColon(powerText(detail))}`,
  'power-failed': ({ task, detail }) => `${SWITCHED_JA[task]}に失敗しました${formatAfterColon(powerText(detail))}`,
  'power-query-failed': ({ detail }) =>
    `電源コントローラーから有効な応答がありません${formatAfterColon(powerText(detail))}`,
  'certificate-kept': ({ fingerprint }) =>
    `電源コントローラーの証明書を記録しました。以後、ほかの証明書は受け付けません: ${fingerprint}`,
  'power-seen': ({ state }) => `Rackbootによらずに電源が${state === 'on' ? '入りました' : '切れました'}`,
  'machine-deleted': ({ status, ...machine }) =>
    `${formatMachineName(machine)}を削除しました${status === undefined ? '' : ` (状態: ${words.values.state(status)})`}`,
  'debug-login-opened': ({ user, untilMs, comment }) =>
    `${user}の鍵によるデバッグログインを${momentText(untilMs)}まで許可しました${formatAfterColon(comment)}`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '再起動しても' : '';
    const written = isWritten ? 'ディスクは書き込まれましたが、システムは確認されていません。' : '';
    const heard = seen === undefined ? '応答がありません' : `最後の記録: ${quoteHappening(seen)}`;
    return `${again}${minutes}分以内に終わりませんでした (${words.values.state(status)})。${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) => `${quoteHappening(doubt)}。その後${minutes}分間、応答がありません`,
  'work-restarted': ({ why }) => `${quoteHappening(why)}。やり直します`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動で追加されました' : '初めて報告しました'}${isUnvouched ? ' (起動したインターフェイスからではありません)' : ''}${leftOutJa(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `ハードウェアを報告しました${leftOutJa(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `${address}のBMCを報告しました (${driver})${user === undefined ? '' : `。ユーザー${user}のパスワードは新しくなりました`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `ラック${rack}を`}${from === undefined ? '' : `ゾーン${from}から`}ゾーン${zone}に移しました`,
  'machines-merged': ({ machine, macs }) =>
    `${formatMachineName(machine)}を統合しました${macs.length === 0 ? '' : ` (${macs.join(' ')})`}`,
  'home-moved': ({ rack, network }) =>
    `ラック${rack}${network === undefined ? '' : `のネットワーク${network}`}に移しました`,
  'rack-owner-lost': ({ user, racks, more }) =>
    `${user}は管理者ではなくなったため、そのAPIキーを使うラックを拒否しました: ${racks.join(', ')}${more === 0 ? '' : `、他${more}台`}。これらのregion.api_key_fileに管理者のキーを設定し、再起動してください`,
  'rack-described': ({ rack, differs }) => `ラック${rack}の説明を変更しました${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `ラック${rack} (${uuid}) を${{ accepted: '承認', rejected: '拒否', removed: '削除' }[verdict]}しました`,
  'rack-away': ({ rack, heardMs }) => `ラック${rack}は${momentText(heardMs)}から応答がありません`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${key}を${isRemoved ? '削除' : '設定'}`).join('、')
      : `変更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `変更${differs === undefined ? formatAfterColon(fields.map(formatParameterLabel).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `${isAdmin ? '管理者' : 'ユーザー'}${user}を作成しました`,
  'user-rights-changed': ({ user, isAdmin }) => `${user}を${isAdmin ? '管理者' : '一般ユーザー'}にしました`,
  'user-email-changed': ({ user, differs }) => `${user}のメールアドレスを変更しました${differsWords(differs)}`,
  'password-wrong': ({ user, from, count }) =>
    `${from}から、${user === '' ? '存在しないアカウント' : user}に対して誤ったパスワードが${count}回`,
  'api-key-made': ({ name }) => `APIキーを作成しました${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `APIキーを${change === 'renamed' ? '改名' : '削除'}しました${name === '' ? '' : ` (${name})`}`,
  'tag-changed': ({ tag, differs }) => `タグ${tag}を変更しました${differsWords(differs)}`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined
      ? `タグ${tag}を持つマシンを変更しました`
      : `タグ${tag}を${change === 'added' ? '付けました' : '外しました'}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${AREAS_JA[area]}${name}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'script-changed': ({ script, differs }) => `スクリプト${script}を変更しました${differsWords(differs)}`,
  'boot-source-changed': ({ change, source, why, differs }) => {
    const trust = why === undefined ? '' : ` (署名なしで信頼: ${why})`;
    return `イメージの取得元${source}を${CHANGED_JA[change]}しました${trust}${differsWords(besidesTrust(differs))}`;
  },
  'boot-selection-changed': ({ change, image, source, differs }) =>
    `${source}の選択${image}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'networks-scanned': ({ networks }) => `${networks.join(', ')}をスキャンしました`,
  'lease-changed': ({ change, ip }) =>
    change === 'end' ? `${ip}のリースを終了しました` : `使用を保留していた${ip}を範囲に戻しました`,
  'network-changed': ({ change, what, name, differs }) =>
    `${NOUNS_JA[what]}${name}を${CHANGED_JA[change]}しました${differsWords(differs)}`,
  'import-asked': ({ isStop, isEmpty = false }) => {
    if (isStop) return 'イメージのインポートを停止しました';
    return isEmpty
      ? 'イメージのインポートを要求しましたが、何も選択されていません'
      : 'イメージのインポートを要求しました';
  },
  'image-wished': ({ image, wish }) => `${image}: ${WISHES_JA[wish]}`,
  'image-upload': ({ image, step }) => `${image}${UPLOADS_JA[step]}`,
  'image-upload-failed': ({ image, reason }) => `${image}のアップロードに失敗しました: ${importText(reason)}`,
  'image-downloading': ({ image, percent, total }) => `${image}をダウンロード中: ${percent} % (${formatBytes(total)})`,
  'download-reported': ({ rack, file, bytes, size, error }) =>
    `ラック${rack}の${file}: ${size === 0 ? '' : `${formatBytes(size)}のうち`}${formatBytes(bytes)}${formatAfterColon(error)}`,
  'image-import-waits': ({ image, reason }) => `${image}の待機中: ${importText(reason)}`,
  'image-import-failed': ({ image, reason }) => `${image}はインポートされませんでした: ${importText(reason)}`,
  'image-left-out': ({ name, reason }) =>
    `${name === '' ? 'インポートに失敗しました' : `${name}はインポートされませんでした`}: ${importText(reason)}`,
  signal: (params) => signalText(params, SIGNAL_JA),
  'signal-unasked': (params) => unaskedText(params, SIGNAL_JA),
  'stage-reported': stageJa,
  'scripts-failed': ({ failed, more }) =>
    `${failed.map(failedJa).join('; ')}${more === 0 ? '' : `; ほか${more}件も失敗しました`}`,
  'preseed-faulty': ({ file, line, mistake }) => `${file}${line === 0 ? '' : `の${line}行目`}: ${mistakeText(mistake)}`,
  'report-ignored': ({ times = 1, ...ignored }) =>
    `${ignoredJa(ignored)}。何も変更していません${times < 2 ? '' : ` (前回のイベント以降${times}回)`}`,
  'enlistment-refused': ({ mac, why }) =>
    `${mac === undefined ? '' : `${mac}: `}${write<ReportRefusals, ReportRefused['code']>(REFUSED_JA, why)}`,
  'shown-of-another': ({ machine, same, differs }) =>
    `${formatMachineName(machine)}の${kindsJa(same)}を示しましたが、${otherJa(differs)}: 別のマシンとして扱います`,
  'interface-claimed': ({ macs, machine, own }) =>
    `${macs.join(', ')}から起動しました。${formatMachineName(machine)}が自分のものとして報告していましたが、このマシンに移りました。${oneOrTwoJa(own, machine)}`,
  'interfaces-moved': ({ macs, machine, differs }) =>
    `${macs.join(', ')}が${formatMachineName(machine)}から移りました (${otherJa(differs)})`,
  'interfaces-kept': ({ macs, machine, differs }) =>
    `${macs.join(', ')}を示しましたが、${formatMachineName(machine)}のままです (${otherJa(differs)})`,
  'maybe-one': (params) => `${DOUBTS_JA['maybe-one'](params)}。${oneOrTwoJa(params.own, params.machine)}`,
  'maybe-two': DOUBTS_JA['maybe-two'],
  'networks-doubted': (params) =>
    `ラック${params.rack}が、人の同意が必要なネットワークを報告しました: ${DOUBTS_JA['networks-doubted'](params)}`,
  'machine-displaced': ({ from, isProven, newFrom, max, ...machine }) =>
    `${newFrom === undefined ? '' : `${newFrom}から`}新しく報告されたマシンのために${formatMachineName(machine)}を削除しました (${from === undefined ? '' : `${from}から報告、`}${isProven ? '編集されたことなし' : 'ラックから起動したことなし'})。新規のマシンは最大${max}台です (region.new_machines_max)`,
  'rack-displaced': ({ rack, uuid, address, newAddress, isSilent, max }) =>
    `${newAddress}の新しいラックのために、${address}の承認待ちのラック${rack} (${uuid}) を削除しました: ${isSilent ? '応答がなく' : 'そのホストまたはネットワークに承認待ちのラックが最も多く'}、承認待ちは最大${max}台です`,
};

const SWITCHED_ZH = { on: '開機', off: '關機', 'soft-off': '要求關機', cycle: '關機後再開機' } as const;
const CHANGED_ZH = { added: '新增', changed: '變更', removed: '移除' } as const;
const AREAS_ZH = { zone: '分區', pool: '資源池' } as const;
const WISHES_ZH = { import: '繼續匯入', pause: '暫停匯入', cancel: '取消匯入', delete: '刪除' } as const;
const UPLOADS_ZH = { begun: '開始上傳', added: '已上傳並新增', abandoned: '移除無人繼續的上傳' } as const;
const NOUNS_ZH = {
  fabric: 'Fabric ',
  space: 'Space ',
  VLAN: 'VLAN ',
  subnet: '子網路 ',
  'reserved range': '保留範圍 ',
  'dynamic range': '動態範圍 ',
  'static range': '靜態範圍 ',
  'static route': '靜態路由 ',
  address: '位址 ',
  'reserved IP': '保留 IP ',
  connection: '連線 ',
  'heard hosts': '偵測到的主機 ',
} as const;
const leftOutZh = (leftOut: readonly unknown[]) => (leftOut.length === 0 ? '' : ' (資料過大，部分未儲存)');

const KINDS_ZH: Readonly<Record<IdentityKind, string>> = {
  uuid: 'UUID',
  serial: '序號',
  'board-serial': '主機板序號',
  'asset-tag': '資產標籤',
  'bmc-mac': 'BMC 的 MAC 位址',
  'bmc-address': 'BMC 的位址',
};
const kindsZh = (kinds: readonly IdentityKind[]) => kinds.map((kind) => KINDS_ZH[kind]).join('、');
const otherZh = (differs: readonly IdentityKind[]) =>
  differs.length === 0 ? '那是另一台機器' : `其 ${kindsZh(differs)} 不同`;
const oneOrTwoZh = (own: string, { systemId }: MachineName) =>
  `若為同一台：rackboot machines merge ${systemId} ${own}；若為兩台：rackboot machines keep-apart ${systemId} ${own}`;
const stageZh = ({ name, isEnd, result, said }: StageReport) =>
  `${name} ${isEnd ? `已結束${result === '' ? '' : ` (${result})`}` : '已開始'}${said === name ? '' : formatAfterColon(said)}`;
const failedZh = ({ name, end, exitStatus, timeoutSeconds, said }: FailedScript) => {
  const ends = {
    exited: `以狀態 ${exitStatus ?? '不明'} 結束`,
    'timed-out': `未在 ${timeoutSeconds} 秒內結束`,
    unfinished: '未執行完畢',
  };
  return `指令碼 ${name} ${ends[end]}${formatAfterColon(said)}`;
};
const SIGNAL_ZH: SignalWords = {
  quote: quoteHappening,
  stage: stageZh,
  running: (script) => `正在執行指令碼 ${script}`,
  ended: (script, exitStatus) => `指令碼 ${script} 以狀態 ${exitStatus} 結束`,
  passed: (script) => `指令碼 ${script} 通過`,
  output: (output) => `輸出：${output}`,
};
function ignoredZh(ignored: ReportIgnored): string {
  switch (ignored.why) {
    case 'in-use': {
      const token = ignored.isWithoutToken ? '，且沒有開機權杖' : '';
      return `在「${words.values.state(ignored.status)}」狀態下回報了自己${token}`;
    }
    case 'of-another-card': {
      const macs = ignored.macs.join(' ');
      return `${ignored.booted} 出示 ${macs}，以這台機器的身分回報，但其他證據都顯示它是另一台。若該網路卡現在在那一台，請執行 \`rackboot machines split ${ignored.systemId} --mac ${macs}\`，或刪除這台機器`;
    }
    case 'without-token': {
      const made = ignored.isOfPerson ? '由人建立的' : '';
      return `有主機以${made}這台機器的身分回報，但沒有機架控制器給的開機權杖`;
    }
    case 'from-elsewhere':
      return `${ignored.address ?? '不明位址'} 以這台機器的身分回報，但 ${ignored.first} 先回報過，而兩者都未曾由機架控制器開機。請讓機器從網路開機，以證明其身分`;
  }
}
const REFUSED_ZH: Writers<ReportRefusals> = {
  'new-machines-limit': ({ count, max }) =>
    `已有 ${count} 台新機器，上限為 ${max} 台 (region.new_machines_max)，且沒有可取代的：請接受或刪除一些，再重新啟動這台機器`,
  'added-machines-limit': ({ count, max }) =>
    `您新增了 ${count} 台未曾由機架控制器開機的機器，上限為 ${max} 台：請讓其中一些開機，或請管理員刪除一些或代為新增`,
  'machines-limit.enlistment': ({ count }) => `一個區域控制器最多有 ${count} 台機器：請刪除已不存在的機器`,
  'field.hostname-taken': ({ hostname }) => `主機名稱 ${hostname} 已被使用：請選擇其他名稱`,
  'field.machine-exists': (machine) => `這台機器已存在，即 ${formatNameAndId(machine)}：請編輯或刪除那一台`,
  'field.machines-mixed': ({ holders }) =>
    `其 UUID 或序號與 MAC 位址屬於不同的機器。若移動過網路卡：${holders
      .map((holder) => {
        const macs = holder.macs.join(' ');
        return `${formatNameAndId(holder)} 有 ${macs}：\`rackboot machines split ${holder.systemId} --mac ${macs}\``;
      })
      .join('；')}`,
};
function networkDoubtZh(doubt: NetworkDoubt) {
  switch (doubt.kind) {
    case 'overlap':
      return { why: `與 ${doubt.owner} 的 ${doubt.other} 重疊`, agreement: '兩台機架控制器都服務它' };
    case 'wide':
      return { why: `大於 /${doubt.prefix}`, agreement: '機架控制器服務整個網路' };
    case 'many': {
      const why = `超過機架控制器未經同意可擁有的 ${doubt.addressesMax} 個位址`;
      return { why, agreement: '機架控制器也服務此網路' };
    }
  }
}

export const DOUBTS_ZH: Required<DoubtWords> = {
  'maybe-one': ({ machine, macs, same }) => {
    const kinds = same.length === 0 ? '' : `相同的 ${kindsZh(same)}`;
    const both = [macs.join(', '), kinds].filter((text) => text !== '').join(' 與');
    return `可能與 ${formatMachineName(machine)} 是同一台機器：兩者都出示 ${both}`;
  },
  'maybe-two': ({ booted, isBack, macs, systemId }) => {
    const without = `${isBack ? '先前取代它的' : '剛才回報的'} ${macs.join(', ')}`;
    return `可能是 UUID 與序號相同的兩台機器：${booted} ${isBack ? '再次' : ''}開機，但沒有${without}。若為兩台：rackboot machines split ${systemId} --mac ${macs.join(' ')}；若是更換了網路卡，請接受這台機器`;
  },
  'interface-claimed': ({ machine, macs }) =>
    `可能與 ${formatMachineName(machine)} 是同一台機器：這台從 ${macs.join(', ')} 開機，而那一台曾聲稱擁有`,
  'networks-doubted': ({ rack, first, more }) => {
    const { why, agreement } = networkDoubtZh(first);
    const others = more === 0 ? '' : ` (及另外 ${more} 個)`;
    return `${first.network}${others} ${why}，因此不予採信；若${agreement}：rackboot racks accept ${rack} --share ${first.network}`;
  },
};

export const HAPPENINGS_ZH: HappeningWords = {
  'status-changed': ({ from, to }) => `由${words.values.state(from)}變為${words.values.state(to)}`,
  command: ({ command, comment }) => `${nameCommandButton(command)}${formatAfterColon(comment)}`,
  'power-ordered': ({ task, comment }) => `下令${SWITCHED_ZH[task]}${formatAfterColon(comment)}`,
  'power-switched': ({ task, detail }) => `已${SWITCHED_ZH[task]}${formatAfterColon(powerText(detail))}`,
  'power-off-again': ({ task, status }) =>
    `已${SWITCHED_ZH[task]}，隨後又關機：狀態為${words.values.state(status)}，沒有工作`,
  'power-uncertain': ({ task, detail }) => `可能已${SWITCHED_ZH[task]}${formatAfterColon(powerText(detail))}`,
  'power-failed': ({ task, detail }) => `${SWITCHED_ZH[task]}失敗${formatAfterColon(powerText(detail))}`,
  'power-query-failed': ({ detail }) => `電源控制器沒有有效的回應${formatAfterColon(powerText(detail))}`,
  'certificate-kept': ({ fingerprint }) => `已記錄電源控制器的憑證，此後不接受其他憑證：${fingerprint}`,
  'power-seen': ({ state }) => `電源已${state === 'on' ? '開啟' : '關閉'}，但不是由 Rackboot 切換`,
  'machine-deleted': ({ status, ...machine }) =>
    `已刪除 ${formatMachineName(machine)}${status === undefined ? '' : ` (狀態：${words.values.state(status)})`}`,
  'debug-login-opened': ({ user, untilMs, comment }) =>
    `已開放以 ${user} 的金鑰進行除錯登入，至 ${momentText(untilMs)}${formatAfterColon(comment)}`,
  'work-overran': ({ status, minutes, isRestarted, isWritten, seen }) => {
    const again = isRestarted ? '，重新啟動後也一樣' : '';
    const written = isWritten ? '磁碟已寫入，但沒有看到其系統；' : '';
    const heard = seen === undefined ? '沒有任何動靜' : `最近一次：${quoteHappening(seen)}`;
    return `${words.values.state(status)}未在 ${minutes} 分鐘內結束${again}；${written}${heard}`;
  },
  'power-doubted': ({ doubt, minutes }) => `${quoteHappening(doubt)}；之後 ${minutes} 分鐘沒有任何動靜`,
  'work-restarted': ({ why }) => `${quoteHappening(why)}；重新開始`,
  enlisted: ({ isUnvouched, leftOut, isAdded }) =>
    `${isAdded === true ? '手動新增' : '首次回報'}${isUnvouched ? '，但不是從開機的介面' : ''}${leftOutZh(leftOut)}`,
  'hardware-reported': ({ leftOut }) => `回報了硬體${leftOutZh(leftOut)}`,
  'bmc-reported': ({ address, driver, user }) =>
    `回報了位於 ${address} 的 BMC (${driver})${user === undefined ? '' : `，其使用者 ${user} 有新密碼`}`,
  'zone-set': ({ zone, from, rack }) =>
    `${rack === undefined ? '' : `將機架控制器 ${rack} `}${from === undefined ? '' : `從分區 ${from} `}移至分區 ${zone}`,
  'machines-merged': ({ machine, macs }) =>
    `已將 ${formatMachineName(machine)} 併入${macs.length === 0 ? '' : ` (${macs.join(' ')})`}`,
  'home-moved': ({ rack, network }) => `移至機架控制器 ${rack}${network === undefined ? '' : `，網路 ${network}`}`,
  'rack-owner-lost': ({ user, racks, more }) =>
    `${user} 已不是管理員，因此拒絕使用其 API 金鑰的機架控制器：${racks.join(', ')}${more === 0 ? '' : ` 及另外 ${more} 台`}；請在它們的 region.api_key_file 放入管理員的金鑰，並重新啟動`,
  'rack-described': ({ rack, differs }) => `變更了機架控制器 ${rack} 的描述${differsWords(differs)}`,
  'rack-judged': ({ verdict, rack, uuid }) =>
    `${{ accepted: '接受', rejected: '拒絕', removed: '移除' }[verdict]}了機架控制器 ${rack} (${uuid})`,
  'rack-away': ({ rack, heardMs }) => `機架控制器 ${rack} 自 ${momentText(heardMs)} 起沒有消息`,
  'settings-changed': ({ changes, differs }) =>
    differs === undefined
      ? changes.map(({ key, isRemoved }) => `${isRemoved ? '移除' : '設定'} ${key}`).join('、')
      : `變更${differsWords(differs)}`,
  'machine-edited': ({ fields, differs }) =>
    `變更${differs === undefined ? formatAfterColon(fields.map(formatParameterLabel).join('、')) : differsWords(differs)}`,
  'user-created': ({ user, isAdmin }) => `建立了${isAdmin ? '管理員' : '使用者'} ${user}`,
  'user-rights-changed': ({ user, isAdmin }) => `將 ${user} 改為${isAdmin ? '管理員' : '一般使用者'}`,
  'user-email-changed': ({ user, differs }) => `變更了 ${user} 的電子郵件${differsWords(differs)}`,
  'password-wrong': ({ user, from, count }) =>
    `從 ${from} 輸入錯誤密碼 ${count} 次，帳號：${user === '' ? '不存在' : user}`,
  'api-key-made': ({ name }) => `建立了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'api-key-changed': ({ change, name }) =>
    `${change === 'renamed' ? '重新命名' : '移除'}了 API 金鑰${name === '' ? '' : ` (${name})`}`,
  'tag-changed': ({ tag, differs }) => `變更了標籤 ${tag}${differsWords(differs)}`,
  'tag-assigned': ({ tag, change }) =>
    change === undefined ? `變更了具有標籤 ${tag} 的機器` : `${change === 'added' ? '加上' : '移除'}了標籤 ${tag}`,
  'area-changed': ({ area, name, change, differs }) =>
    `${CHANGED_ZH[change]}了${AREAS_ZH[area]} ${name}${differsWords(differs)}`,
  'script-changed': ({ script, differs }) => `變更了指令碼 ${script}${differsWords(differs)}`,
  'boot-source-changed': ({ change, source, why, differs }) => {
    const trust = why === undefined ? '' : ` (無簽章而信任：${why})`;
    return `${CHANGED_ZH[change]}了映像檔來源 ${source}${trust}${differsWords(besidesTrust(differs))}`;
  },
  'boot-selection-changed': ({ change, image, source, differs }) =>
    `${CHANGED_ZH[change]}了 ${source} 的選擇 ${image}${differsWords(differs)}`,
  'networks-scanned': ({ networks }) => `掃描了 ${networks.join(', ')}`,
  'lease-changed': ({ change, ip }) => (change === 'end' ? `結束了 ${ip} 的租約` : `將停用的 ${ip} 歸還其範圍`),
  'network-changed': ({ change, what, name, differs }) =>
    `${CHANGED_ZH[change]}了${NOUNS_ZH[what]}${name}${differsWords(differs)}`,
  'import-asked': ({ isStop, isEmpty = false }) => {
    if (isStop) return '停止了映像檔的匯入';
    return isEmpty ? '要求匯入映像檔，但沒有選擇任何映像檔' : '要求匯入映像檔';
  },
  'image-wished': ({ image, wish }) => `${WISHES_ZH[wish]} ${image}`,
  'image-upload': ({ image, step }) => `${UPLOADS_ZH[step]} ${image}`,
  'image-upload-failed': ({ image, reason }) => `${image} 上傳失敗：${importText(reason)}`,
  'image-downloading': ({ image, percent, total }) => `正在下載 ${image}：${percent} % (${formatBytes(total)})`,
  'download-reported': ({ rack, file, bytes, size, error }) =>
    `機架控制器 ${rack} 已有 ${file} 的 ${formatBytes(bytes)}${size === 0 ? '' : ` (共 ${formatBytes(size)})`}${formatAfterColon(error)}`,
  'image-import-waits': ({ image, reason }) => `${image} 等待中：${importText(reason)}`,
  'image-import-failed': ({ image, reason }) => `未匯入 ${image}：${importText(reason)}`,
  'image-left-out': ({ name, reason }) => `${name === '' ? '匯入失敗' : `未匯入 ${name}`}：${importText(reason)}`,
  signal: (params) => signalText(params, SIGNAL_ZH),
  'signal-unasked': (params) => unaskedText(params, SIGNAL_ZH),
  'stage-reported': stageZh,
  'scripts-failed': ({ failed, more }) =>
    `${failed.map(failedZh).join('；')}${more === 0 ? '' : `；另有 ${more} 個失敗`}`,
  'preseed-faulty': ({ file, line, mistake }) =>
    `${file}${line === 0 ? '' : ` 第 ${line} 行`}：${mistakeText(mistake)}`,
  'report-ignored': ({ times = 1, ...ignored }) =>
    `${ignoredZh(ignored)}；未做任何變更${times < 2 ? '' : ` (自上次此類事件起 ${times} 次)`}`,
  'enlistment-refused': ({ mac, why }) =>
    `${mac === undefined ? '' : `${mac}：`}${write<ReportRefusals, ReportRefused['code']>(REFUSED_ZH, why)}`,
  'shown-of-another': ({ machine, same, differs }) =>
    `出示了 ${formatMachineName(machine)} 的 ${kindsZh(same)}，但${otherZh(differs)}：視為另一台機器`,
  'interface-claimed': ({ macs, machine, own }) =>
    `從 ${macs.join(', ')} 開機；${formatMachineName(machine)} 曾回報它為自己的介面，現已改屬這台。${oneOrTwoZh(own, machine)}`,
  'interfaces-moved': ({ macs, machine, differs }) =>
    `${macs.join(', ')} 從 ${formatMachineName(machine)} 移到這台 (${otherZh(differs)})`,
  'interfaces-kept': ({ macs, machine, differs }) =>
    `出示了 ${macs.join(', ')}，但它仍屬於 ${formatMachineName(machine)} (${otherZh(differs)})`,
  'maybe-one': (params) => `${DOUBTS_ZH['maybe-one'](params)}。${oneOrTwoZh(params.own, params.machine)}`,
  'maybe-two': DOUBTS_ZH['maybe-two'],
  'networks-doubted': (params) =>
    `機架控制器 ${params.rack} 回報了需要有人同意的網路：${DOUBTS_ZH['networks-doubted'](params)}`,
  'machine-displaced': ({ from, isProven, newFrom, max, ...machine }) =>
    `為了${newFrom === undefined ? '' : `從 ${newFrom} `}新回報的機器，移除了 ${formatMachineName(machine)} (${from === undefined ? '' : `從 ${from} 回報，`}${isProven ? '從未編輯' : '未曾由機架控制器開機'})：新機器最多 ${max} 台 (region.new_machines_max)`,
  'rack-displaced': ({ rack, uuid, address, newAddress, isSilent, max }) =>
    `為了 ${newAddress} 的新機架控制器，移除了 ${address} 的待接受機架控制器 ${rack} (${uuid})：${isSilent ? '它沒有消息' : '其主機或網路的待接受機架控制器最多'}，而待接受的上限為 ${max} 台`,
};
