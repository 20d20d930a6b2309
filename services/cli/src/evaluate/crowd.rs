//! People with several fingers, searched for in a gallery of all of them.

use std::collections::HashMap;

use plinth_biometrics::calibration::{PersonScore, fuse, log_likelihood_ratio};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::evaluation::identification::SearchTrial;
use plinth_biometrics::matcher::{Matcher, Score};
use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use rayon::prelude::*;

use super::scores::Scores;
use super::trials::progress_bar;

/// In which order fingers are taken, if not all ten are.
const ORDER: [FingerPosition; 10] = [
    FingerPosition::RightIndex,
    FingerPosition::LeftIndex,
    FingerPosition::RightMiddle,
    FingerPosition::LeftMiddle,
    FingerPosition::RightThumb,
    FingerPosition::LeftThumb,
    FingerPosition::RightRing,
    FingerPosition::LeftRing,
    FingerPosition::RightLittle,
    FingerPosition::LeftLittle,
];

/// One search of everybody: what the person's own row scored, and the best of all others.
#[derive(Clone, Copy)]
pub(crate) struct Search {
    /// The person searched for.
    pub(crate) subject: u32,
    /// The score of their own row.
    pub(crate) mate: PersonScore,
    /// The highest score of anybody else.
    pub(crate) stranger: PersonScore,
}

impl Search {
    /// The scores alone.
    pub(crate) fn trial(&self) -> SearchTrial {
        SearchTrial { subject: self.subject, mate: self.mate.llr.into(), stranger: self.stranger.llr.into() }
    }
}

/// Where people come from.
pub(crate) trait Crowd {
    /// One sentence that says who they are.
    fn description(&self) -> String;

    /// How many people there are with so many fingers each, and every search for one of them.
    fn searches(&self, fingers: usize) -> (usize, Vec<Search>);
}

/// People put together from recorded fingers: as many neighbours of one set as a person is to have fingers.
pub(crate) struct Recorded<'a> {
    scores: &'a Scores,
    llrs: HashMap<(u32, u32), f32>,
}

impl<'a> Recorded<'a> {
    /// From the comparisons of all later captures with all first ones.
    pub(crate) fn new(scores: &'a Scores) -> Self {
        let llr = |score: f32| log_likelihood_ratio(Score::new(score));
        let llrs =
            scores.all_sets.iter().map(|&(later, first, score)| ((later, first), llr(score))).collect();
        Self { scores, llrs }
    }
}

impl Crowd for Recorded<'_> {
    fn description(&self) -> String {
        "People put together from the folder's fingers, neighbours of one set; the first captures enrolled, each \
         later one a search."
            .to_owned()
    }

    fn searches(&self, fingers: usize) -> (usize, Vec<Search>) {
        let sets = self.scores.fingers();
        let people: Vec<&[Vec<u32>]> = sets.iter().flat_map(|set| set.chunks_exact(fingers.max(1))).collect();
        let mut searches = Vec::new();
        for (subject, person) in people.iter().enumerate() {
            let captures = person.iter().map(Vec::len).min().unwrap_or(0);
            for capture in 1..captures {
                let score = |other: &[Vec<u32>]| {
                    let pairs = person.iter().zip(other);
                    let llrs = pairs.filter_map(|(a, b)| self.llrs.get(&(a[capture], b[0])).copied());
                    person_score(&llrs.collect::<Vec<_>>())
                };
                searches.push(search(subject, people.iter().map(|other| score(other))));
            }
        }
        (people.len(), searches)
    }
}

/// People who do not exist, all ten fingers of each, captured twice.
pub(crate) struct Synthetic {
    seed: u64,
    people: usize,
    /// Of every search and every row of the gallery, the ratios of the ten fingers in [`ORDER`]; fingers that gave no
    /// features are not numbers.
    llrs: Vec<Vec<[f32; 10]>>,
}

impl Synthetic {
    /// Draws so many people and compares everybody with everybody, on all cores.
    pub(crate) fn draw(seed: u64, people: usize) -> Self {
        let progress = progress_bar(people);
        progress.set_message("people");
        let hands = |capture: u32| -> Vec<Hand> {
            let numbers: Vec<u64> = (0..).take(people).collect();
            numbers.par_iter().map(|number| hand(seed, *number, capture)).collect()
        };
        let (gallery, probes) = (hands(0), hands(1));
        progress.set_message("searches");
        let llrs = probes
            .par_iter()
            .map_init(Matcher::new, |matcher, probe| {
                progress.inc(1);
                gallery.iter().map(|row| compare(matcher, probe, row)).collect()
            })
            .collect();
        progress.finish_and_clear();
        Self { seed, people, llrs }
    }
}

impl Crowd for Synthetic {
    fn description(&self) -> String {
        format!(
            "{} people who do not exist (seed {}), drawn with the poor captures that the generator imitates; the first \
             capture enrolled, the second a search.",
            self.people, self.seed
        )
    }

    fn searches(&self, fingers: usize) -> (usize, Vec<Search>) {
        let score = |llrs: &[f32; 10]| {
            let seen: Vec<f32> = llrs.iter().take(fingers).copied().filter(|llr| !llr.is_nan()).collect();
            person_score(&seen)
        };
        let of = |(subject, rows): (usize, &Vec<[f32; 10]>)| search(subject, rows.iter().map(score));
        (self.people, self.llrs.iter().enumerate().map(of).collect())
    }
}

type Hand = [Option<FingerFeatures>; 10];

fn hand(seed: u64, number: u64, capture: u32) -> Hand {
    let person = SyntheticPerson::new(seed, number);
    ORDER.map(|position| FingerFeatures::extract(&person.capture(position, capture), 0, position).ok())
}

fn compare(matcher: &mut Matcher, probe: &Hand, row: &Hand) -> [f32; 10] {
    std::array::from_fn(|finger| match (&probe[finger], &row[finger]) {
        (Some(a), Some(b)) => log_likelihood_ratio(matcher.compare(a, b)),
        _ => f32::NAN,
    })
}

fn person_score(llrs: &[f32]) -> PersonScore {
    PersonScore::new(fuse(llrs), u8::try_from(llrs.len()).unwrap_or(u8::MAX))
}

/// The outcome of one search over the scores of all rows in order.
fn search(subject: usize, scores: impl Iterator<Item = PersonScore>) -> Search {
    let nobody = PersonScore::new(f32::NEG_INFINITY, 0);
    let number = u32::try_from(subject).unwrap_or(u32::MAX);
    let mut found = Search { subject: number, mate: nobody, stranger: nobody };
    for (row, score) in scores.enumerate() {
        if row == subject {
            found.mate = score;
        } else if score.fingers > 0 && score.llr > found.stranger.llr {
            found.stranger = score;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::scores::SetScores;
    use super::*;

    #[test]
    fn more_fingers_of_synthetic_people_tell_more() {
        let crowd = Synthetic::draw(5, 8);
        let mates = |fingers| -> f32 { crowd.searches(fingers).1.iter().map(|one| one.mate.llr).sum() };
        assert!(mates(1) < mates(2) && mates(2) < mates(4) && mates(4) < mates(10));
        let (people, searches) = crowd.searches(10);
        assert_eq!((people, searches.len()), (8, 8));
        assert!(searches.iter().all(|one| one.mate.llr > one.stranger.llr && one.mate.fingers == 10));
    }

    #[test]
    fn recorded_people_are_neighbours_of_one_set_and_searched_as_often_as_all_fingers_were_captured() {
        let names = ["1_1", "1_2", "1_3", "2_1", "2_2", "3_1"];
        let captures: Vec<String> =
            ["a", "b"].iter().flat_map(|set| names.map(|name| format!("{set}/{name}"))).collect();
        let firsts = [0, 3, 5, 6, 9, 11];
        let laters = [1, 2, 4, 7, 8, 10];
        let all = laters.iter().flat_map(|&later| {
            firsts.map(|first| (later, first, if later > first && later - first < 3 { 0.9 } else { 0.0 }))
        });
        let scores = Scores::new(captures, Vec::<SetScores>::new(), all.collect());
        let crowd = Recorded::new(&scores);
        // Two fingers a person: 1 and 2 of each set; finger 3 is left over. Finger 2 was captured twice.
        let (people, searches) = crowd.searches(2);
        assert_eq!((people, searches.len()), (2, 2));
        assert!(searches.iter().all(|one| one.mate.llr > 0.0 && one.stranger.llr < 0.0));
        assert_eq!(searches[0].mate.fingers, 2);
        let (people, searches) = crowd.searches(1);
        assert_eq!((people, searches.len()), (6, 6));
        assert_eq!(crowd.searches(4).0, 0);
    }
}
