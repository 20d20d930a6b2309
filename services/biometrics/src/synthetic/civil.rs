//! Civil particulars: names, dates of birth, genders.

use super::draw::Draw;

/// Given names (first female, then male) and family names of one writing system.
struct Naming {
    weight: f64,
    female: &'static [&'static str],
    male: &'static [&'static str],
    family: &'static [&'static str],
}

/// Mostly Latin letters, with enough of other scripts, accents and right-to-left text to find careless comparison.
const NAMINGS: [Naming; 8] = [
    Naming {
        weight: 40.0,
        female: &[
            "Ananya", "Lakshmi", "Meera", "Priya", "Kavita", "Sunita", "Deepa", "Farida", "Rekha", "Usha",
            "Divya", "Geeta", "Nandini", "Padma", "Radha", "Shanti", "Tara", "Vidya", "Asha", "Bhavana",
            "Indira", "Jyoti", "Kamala", "Leela",
        ],
        male: &[
            "Arjun", "Ravi", "Suresh", "Imran", "Vikram", "Rahul", "Mohan", "Kiran", "Anil", "Sanjay",
            "Harish", "Prakash", "Ramesh", "Dinesh", "Gopal", "Joseph", "Karthik", "Manoj", "Naveen",
            "Omkar", "Pranav", "Rohit", "Sunil", "Yusuf",
        ],
        family: &[
            "Sharma",
            "Patel",
            "Reddy",
            "Iyer",
            "Khan",
            "Singh",
            "Das",
            "Nair",
            "Gupta",
            "Mehta",
            "Bose",
            "Rao",
            "Pillai",
            "Desai",
            "Kulkarni",
            "Chatterjee",
            "Ansari",
            "Fernandes",
            "Gowda",
            "Joshi",
            "Kaur",
            "Mishra",
            "Naidu",
            "Oraon",
            "Pandey",
            "Saikia",
            "Thakur",
            "Varma",
            "Yadav",
            "Banerjee",
            "Bhat",
            "Chauhan",
        ],
    },
    Naming {
        weight: 30.0,
        female: &[
            "Maria",
            "Anna",
            "Zoë",
            "Chloé",
            "Ingrid",
            "Agnieszka",
            "Noémie",
            "Amina",
            "Wanjiru",
            "Thandiwe",
            "Siobhán",
            "Ayşe",
            "Linh",
            "Mei",
            "Fatou",
            "Lucía",
        ],
        male: &[
            "João",
            "Peter",
            "Søren",
            "José",
            "Łukasz",
            "François",
            "Kwame",
            "Tendai",
            "Björn",
            "Mehmet",
            "Minh",
            "Wei",
            "Ángel",
            "Ousmane",
            "Milan",
            "David",
        ],
        family: &[
            "García",
            "Müller",
            "Nguyễn",
            "O'Brien",
            "Kowalski",
            "Dvořák",
            "Okafor",
            "Mwangi",
            "Sørensen",
            "Silva",
            "Yılmaz",
            "Diallo",
            "Dupont",
            "Hernández",
            "van der Berg",
            "Smith",
            "Tanaka",
            "Kim",
            "Rossi",
            "Ionescu",
            "Szabó",
            "Jansen",
            "Ndlovu",
            "Åström",
        ],
    },
    Naming {
        weight: 8.0,
        female: &["सीता", "प्रिया", "लक्ष्मी", "अनीता", "कविता", "मीरा", "सुनीता", "ज्योति"],
        male: &["अर्जुन", "रवि", "राहुल", "विक्रम", "मोहन", "अनिल", "सुरेश", "कृष्ण"],
        family: &["शर्मा", "सिंह", "गुप्ता", "यादव", "मिश्रा", "पाटील", "वर्मा", "कुमार", "जोशी", "ठाकुर"],
    },
    Naming {
        weight: 6.0,
        female: &["মিতা", "শর্মিলা", "রিয়া", "নাসরিন", "সুমিত্রা", "অঞ্জলি"],
        male: &["রবীন্দ্র", "সৌরভ", "আরিফ", "অনির্বাণ", "সুব্রত", "দীপক"],
        family: &["বসু", "চট্টোপাধ্যায়", "ঘোষ", "ইসলাম", "দাস", "মুখোপাধ্যায়", "হক"],
    },
    Naming {
        weight: 6.0,
        female: &["மீனாட்சி", "கமலா", "செல்வி", "தமிழ்ச்செல்வி", "லதா", "வள்ளி"],
        male: &["முருகன்", "செந்தில்", "குமார்", "அருள்", "கார்த்திக்", "வேலு"],
        family: &["சுப்பிரமணியன்", "ராமசாமி", "பழனிசாமி", "நடராஜன்", "இளங்கோ", "கந்தசாமி"],
    },
    Naming {
        weight: 5.0,
        female: &["فاطمہ", "عائشہ", "زینب", "مریم", "نور", "سلمیٰ"],
        male: &["محمد", "علی", "حسن", "یوسف", "عمر", "ابراہیم"],
        family: &["خان", "انصاری", "قریشی", "صدیقی", "حسینی", "میر"],
    },
    Naming {
        weight: 3.0,
        female: &["Анна", "Ольга", "Мария", "Наталья", "Алёна", "Дарья"],
        male: &["Иван", "Сергей", "Алексей", "Фёдор", "Николай", "Юрий"],
        family: &["Коваленко", "Бондаренко", "Шевченко", "Мельник", "Ткаченко", "Савченко"],
    },
    Naming {
        weight: 2.0,
        female: &["Ελένη", "Σοφία", "Κατερίνα", "Δήμητρα"],
        male: &["Γιώργος", "Νίκος", "Κώστας", "Οδυσσέας"],
        family: &["Παπαδάκης", "Νικολαΐδης", "Οικονόμου", "Γεωργίου"],
    },
];

/// A person's civil particulars.
pub(super) struct Civil {
    pub(super) name: String,
    pub(super) date_of_birth: (u16, u8, u8),
    pub(super) gender: char,
}

impl Civil {
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let gender = match draw.weighted(&[0.488, 0.509, 0.003]) {
            0 => 'F',
            1 => 'M',
            _ => 'T',
        };
        let naming = &NAMINGS[draw.weighted(&NAMINGS.map(|naming| naming.weight))];
        let given =
            if gender == 'F' || (gender == 'T' && draw.chance(0.5)) { naming.female } else { naming.male };
        let first = given[draw.below(given.len())];
        let family = naming.family[draw.below(naming.family.len())];
        let name = if draw.chance(0.35) {
            format!("{first} {} {family}", given[draw.below(given.len())])
        } else {
            format!("{first} {family}")
        };
        let year = 1935 + u16::try_from(draw.below(72)).unwrap_or(0);
        let month = 1 + u8::try_from(draw.below(12)).unwrap_or(0);
        let days = match month {
            2 if year.is_multiple_of(4) => 29, // 1935 to 2006: the only century, 2000, is a leap year
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let day = 1 + u8::try_from(draw.below(days)).unwrap_or(0);
        Self { name, date_of_birth: (year, month, day), gender }
    }
}
