//! Keys in other languages, and the English key that says the same: `numer_telefonu`, `الاسم_الكامل`, `身份证号`.
//!
//! Words are compared without accents, and the article of Arabic. A phrase stands anywhere in the key; with `*` its last word is the
//! beginning of one, as languages with cases need it, and with `=` it is all of the key. Scripts without blanks are compared by the end.

use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// An English key, and phrases that say the same.
const PHRASES: [(&str, &str); 10] = [
    (
        "full name",
        "фио,фіо,піб,полное имя,повне імя,имя и фамилия,имя фамилия,пълно име,име и фамилия,име и презиме,пуно име,имя отчество,\
nama lengkap,nama penuh,ho ten,ho va ten,hoten,ten day du,jina kamili,buong pangalan,pangalan,\
ονοματεπωνυμο,πληρες ονομα,שם מלא,اسم کامل,اسم ثلاثی,نام کامل,نام و نام خانوادگی,پورا نام,مکمل نام,পুরো নাম,পূর্ণ নাম,সম্পূর্ণ নাম,\
पूरा नाम,पूर्ण नाम,संपूर्ण नाव,पुरा नाम,முழு பெயர்,పూర్తి పేరు,പൂർണ്ണ നാമം,ಪೂರ್ಣ ಹೆಸರು,\
nom complet,nom et prenom,nombre y apellido*,nombre completo,nome completo,nome e cognome,nome e sobrenome,vollstandiger name,\
volledige naam,fullt namn,fullstendig navn,fulde navn,fullt navn,koko nimi,imie i nazwisko,teljes nev,cele jmeno,jmeno a prijmeni,\
meno a priezvisko,nume complet,nume si prenume,ime i prezime,ime in priimek,ad soyad,adi soyadi,ad soyisim,isim soyisim,adsoyad,\
ism familiya,სახელი და გვარი,სრული სახელი,անուն ազգանուն,cikakken suna,аты жөні,taishin magac",
    ),
    (
        "last name",
        "прізвищ*,фамили*,презиме,prezime,priimek,priezvisko,nom de famille,nom famille,familia nume,nume de familie,familija,\
اسم عائله,نام خانوادگی,שם משפחה,επωνυμ*,επιθετο,nama belakang,nama keluarga,jina la ukoo,jina la mwisho,পদবি,বংশনাম,कुलनाम,उपनाम,आडनाव,\
vezeteknev,csaladnev,soyisim,გვარი,ազգանուն,ten ho,\
nachname,familienname,apellido*,cognome,sobrenome,apelido*,achternaam,etternavn,efternavn,efternamn,nazwisko,prijmeni,soyad*,sukunimi",
    ),
    (
        "first name",
        "=имя,=імя,=име,прізвисько,prvo ime,keresztnev,utonev,krestni jmeno,krstne meno,prenume,nama depan,jina la kwanza,\
שם פרטי,اسم اول,نام کوچک,ονομα μικρο,প্রথম নাম,डाकनाम,voornamen,tilltalsnamn,ten goi,\
vorname,prenom*,voornaam,fornavn,fornamn,imie,etunimi",
    ),
    (
        "phone number",
        "телефон*,тел номер,мобилен,мобильн*,мобільн*,сотов*,telefon*,telefoon*,telefoni,dien thoai,dienthoai,sdt,so dt,telepon,ponsel,\
nomor hp,no hp,هاتف,جوال,موبایل,تلفن,تلیفون,محمول,فون نمبر,טלפון,נייד,τηλεφων*,κινητο,মোবাইল*,ফোন*,মুঠোফোন,मोबाइल*,फोन*,दूरभाष,\
தொலைபேசி,கைபேசி,ఫోన్,ഫോൺ,nambari ya simu,namba ya simu,numero de tel,num tel,numero telefonico,num portable,tel portable,\
numero celular,numero movil,numero de movil,cep no,puhelin*,matkapuhelin*,kannykka,telpon,telepono,selpon,ტელეფონ*,հեռախոս*,mobitel,gsm no",
    ),
    (
        "birth date",
        "рожден*,народжен*,дата нар*,תאריך לידה,לידה,تاریخ پیداىش,پیداىش,پیدایش,تولد,میلاد,γεννησ*,γεννηθ*,kuzaliwa,szuletes*,nasterii,\
nastere,rodenja,rodjenja,rojstva,rodena,syntyma*,fodselsdag,fodelsedag,kelahiran,tgl lahir,kapanganakan,დაბადების,ծննդյան,туған күні,\
জন্মতারিখ,জন্ম তারিখ,जन्म तारीख,பிறந்த தேதி,పుట్టిన తేదీ,narozeni,naissance,nacimiento,nascimento,nascita,geboorte,dogum gunu,dogum tarihi,\
ngay thang nam sinh",
    ),
    (
        "national id",
        "codice fiscale,cod fiscale,tc kimlik*,kimlik no,kimlik numarasi,tckn,personnummer,fodselsnummer,henkilotunnus,hetu,rodne cislo,\
rodnecislo,cnp,jmbg,oib,egn,егн,снилс,инн,иин,рнокпп,іпн,паспорт*,جواز سفر,رقم هویه,هویه وطنیه,رقم وطنی,رقم قومی,کد ملی,شناختی کارڈ,قومی شناختی,\
תעודת זהות,מספר זהות,জাতীয় পরিচয়পত্র,জাতীয় পরিচয় পত্র,পরিচয়পত্র,এনআইডি,পাসপোর্ট,आधार,पासपोर्ट,cccd,cmnd,can cuoc,ho chieu,ktp,\
kitambulisho,pasipoti,pasaporte,passeport,passaporto,passaporte,reisepass*,paspoort*,ausweisnummer,personalausweis*,steuer id,steuernummer,\
steueridentifikationsnummer,sozialversicherungsnummer,securite sociale,cedula,documento de identidad,documento identidad,documento identita,\
cuil,dowod osobisty,dowodu osobistego,numer dowodu,szemelyi szam,szemelyi igazolvany,αφμ,αμκα,ταυτοτητ*,burgerservicenummer,\
rijksregisternummer,registre national,ahv,isikukood,asmens kodas,personas kods",
    ),
    (
        "username",
        "имя пользовател*,імя користувач*,логин,логін,никнейм,потребителско име,nombre de usuario,nombre usuario,nom d utilisateur,\
nom utilisateur,benutzername,nutzername,gebruikersnaam,anvandarnamn,brukernavn,brugernavn,kayttajatunnus,kayttajanimi,nome utente,\
nome de usuario,nome usuario,nome de utilizador,nazwa uzytkownika,uzivatelske jmeno,felhasznalonev,nume utilizator,korisnicko ime,\
kullanici adi,kullaniciadi,ten dang nhap,ten nguoi dung,nama pengguna,jina la mtumiaji,ονομα χρηστη,שם משתמש,اسم مستخدم,نام کاربری,صارف نام,\
ব্যবহারকারীর নাম,ইউজারনেম,उपयोगकर्ता नाम,यूजरनेम",
    ),
    (
        "home address",
        "адрес,адреса,адресу,адрес доставки,dia chi,diachi,anwani,διευθυνση,כתובת,عنوان,ادرس,پته,ঠিকানা,पता,पत्ता,முகவரி,చిరునామా,lakcim,\
adresa,bydliste,kotiosoite,katuosoite,osoite,manzil,მისამართი,հասցե,direccion,domicilio,adresse,adres,anschrift,wohnanschrift,indirizzo,\
endereco,morada,alamat,tirahan,adiresi",
    ),
    (
        "password",
        "=contrasena,=mot de passe,=motdepasse,=senha,=wachtwoord,=haslo,=hasło,=losenord,=adgangskode,=passord,=salasana,=пароль,=sifre,=jelszo,\
=heslo,=kata sandi,=mat khau,=passwort,=kennwort,=পাসওয়ার্ড,=পাসওয়ার্ড,=पासवर्ड,=كلمه المرور,=كلمه مرور,=סיסמה",
    ),
    (
        "url",
        "адрес сайт*,адреса сайт*,адрес почт*,адреса пошт*,адрес электронн*,адреса електронн*,адрес кошельк*,имя файла,імя файл*,عنوان بریدی,\
عنوان الکترونی,عنوان برید,عنوان صفحه",
    ),
];

/// The same for scripts without blanks between words.
const ENDINGS: [(&str, &str); 8] = [
    (
        "full name",
        "全名 真实姓名 姓名 氏名 お名前 フルネーム 성함 성명 ชื่อเต็ม ชื่อนามสกุล ชื่อสกุล ឈ្មោះពេញ အမည်အပြည့်အစုံ",
    ),
    ("last name", "姓氏 苗字 นามสกุล"),
    ("password", "密码 密碼 パスワード 비밀번호 รหัสผ่าน"),
    (
        "phone number",
        "电话 電話 手机 手機 行動電話 携帯 휴대폰 핸드폰 전화 휴대전화 연락처 โทรศัพท์ มือถือ เบอร์โทร เบอร์ติดต่อ ទូរស័ព្ទ",
    ),
    ("birth date", "生日 出生日期 出生年月 出生年月日 誕生日 生年月日 생일 생년월일 วันเกิด ថ្ងៃខែឆ្នាំកំណើត"),
    (
        "national id",
        "身份证 身份證 身分證 证件 護照 护照 社会保障 社保 マイナンバー 個人 パスポート 旅券 주민등록 주민 여권 บัตรประชาชน ประจำตัวประชาชน หนังสือเดินทาง",
    ),
    (
        "username",
        "用户名 用戶名 登录名 登入名 昵称 暱稱 ユーザー名 ユーザ名 ログイン名 ニックネーム 사용자명 사용자이름 닉네임 ชื่อผู้ใช้",
    ),
    (
        "home address",
        "收货地址 收貨地址 家庭住址 家庭地址 住址 联系地址 聯絡地址 通讯地址 邮寄地址 送货地址 详细地址 居住地址 账单地址 住所 お届け先 배송주소 배송지 주소 ที่อยู่",
    ),
];

/// What such a key ends in when it asks for a number.
const NUMBERS: [&str; 9] = ["号码", "號碼", "番号", "번호", "号", "號", "หมายเลข", "เลขที่", "เลข"];

/// A phrase, cut into words.
struct Phrase {
    words: Vec<String>,
    /// It is the whole key.
    whole: bool,
    /// Its last word is the beginning of one.
    stem: bool,
    means: &'static str,
}

/// The phrases by the first letter of their first word.
static TABLE: LazyLock<HashMap<char, Vec<Phrase>, RandomState>> = LazyLock::new(|| {
    let mut table: HashMap<char, Vec<Phrase>, RandomState> = HashMap::default();
    let all = PHRASES.iter().flat_map(|(means, list)| list.split(',').map(move |phrase| (*means, phrase)));
    for (means, phrase) in all {
        let (whole, stem) = (phrase.starts_with('='), phrase.ends_with('*'));
        let words: Vec<String> = phrase.trim_matches(['=', '*']).split(' ').map(plain).collect();
        if let Some(first) = words.first().and_then(|word| word.chars().next()) {
            table.entry(first).or_default().push(Phrase { words, whole, stem, means });
        }
    }
    table
});

/// The English key that says the same as these words in another language.
pub(super) fn english(words: &[String]) -> Option<&'static str> {
    let ascii = words.iter().all(|word| word.is_ascii());
    if !ascii && let Some(means) = by_end(&words.concat()) {
        return Some(means);
    }
    let plain: Vec<String> = words.iter().map(|word| plain(word)).collect();
    let fits = |at: usize, phrase: &&Phrase| {
        let there = plain.get(at..at + phrase.words.len()).unwrap_or_default();
        let last = phrase.words.len() - 1;
        !there.is_empty()
            && (!phrase.whole || there.len() == plain.len())
            && there.iter().zip(&phrase.words).enumerate().all(|(n, (word, own))| {
                if phrase.stem && n == last { word.starts_with(own.as_str()) } else { word == own }
            })
    };
    let at = |(at, word): (usize, &String)| {
        let list = word.chars().next().and_then(|first| TABLE.get(&first));
        list.into_iter().flatten().filter(move |phrase| fits(at, phrase))
    };
    // `имя пользователя` is more than `имя`.
    plain.iter().enumerate().flat_map(at).max_by_key(|phrase| phrase.words.len()).map(|phrase| phrase.means)
}

/// What a key in a script without blanks ends in.
fn by_end(key: &str) -> Option<&'static str> {
    let bare = NUMBERS.iter().find_map(|number| key.strip_suffix(number));
    let ends = |(means, list): &(&'static str, &str)| {
        let ends = |key: &str| list.split(' ').any(|end| key.ends_with(end));
        (ends(key) || bare.is_some_and(ends)).then_some(*means)
    };
    ENDINGS.iter().find_map(ends)
}

/// A word without accents and the like, and without the article of Arabic.
fn plain(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let letter = |c: char| match c {
        '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{655}' | '\'' | '’' | 'ʼ' => None,
        'đ' => Some('d'),
        'ł' => Some('l'),
        'ø' => Some('o'),
        'ı' => Some('i'),
        'ي' | 'ى' => Some('ی'),
        'ك' => Some('ک'),
        'ة' => Some('ه'),
        other => Some(other),
    };
    let plain: String = word.nfd().filter_map(letter).collect();
    match plain.strip_prefix("ال") {
        Some(rest) if rest.chars().count() >= 3 => rest.to_owned(),
        _ => plain,
    }
}
