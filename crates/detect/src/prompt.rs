//! Instructions to a language model in a text that is data to it: to drop its rules, or to show them.
//!
//! Evidence is an order of two parts: to leave what was said before, and what to do instead, and a word that speaks to or
//! of a model. Less than that is ordinary language, but for one form that nobody writes to a person: to drop *all previous
//! instructions* at the beginning of a text, alone or with an order to say, print or do something at once.
//!
//! Benign look-alikes: `please disregard my previous message`, `ignore the previous instructions and send me the signed
//! copy`, `you are now in debug mode`, `print the original instructions`, `how do I write a prompt that ignores …`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::{Context, Shape};
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// To leave what was said before.
macro_rules! leave {
    () => {
        r"(?:^|[.!?:;,\n\x22'*#>)\]-][\s]*|\b(?:please|now|must|and|you[\s]+to)[\s]+)(?:ignore|disregard|forget|override|bypass)[\s]+(?:(?:all|any|every|everything|the|your|of|my|these|those|previous|prior|above|earlier|preceding|initial|original|system|safety|content)[\s]+){1,5}(?:instructions?|directions?|directives?|prompts?|rules|guidelines|guardrails|programming|filters|commands|you[\s]+(?:were|have[\s]+been)[\s]+(?:told|given|taught)(?:[\s]+(?:before|so[\s]+far|above))?)\b"
    };
}

/// All that was said before.
macro_rules! all_before {
    () => {
        r"(?:(?:all|any|every|everything)[\s]+(?:(?:of|the|your|my|these|those)[\s]+){0,2}(?:previous|prior|above|preceding|earlier|former)[\s]+(?:(?:system|safety)[\s]+)?(?:instructions?|prompts?|directions|directives|commands|guidelines|rules)|(?:all|any)[\s]+(?:(?:of|the|your)[\s]+){0,2}(?:instructions|prompts|directives|rules)[\s]+(?:above|before[\s]+this|you[\s]+(?:were|have[\s]+been|had[\s]+been)[\s]+given))"
    };
}

/// What to do at once instead.
macro_rules! now_do {
    () => {
        r"[\s,.;:!\x22'-]+(?:(?:and|then|now|instead|just|only|simply|but)[\s,:]+){0,3}(?:say|print|output|reply|respond|answer|act|pretend|reveal|repeat|leak|dump|translate|execute|generate|(?:tell|show|give)[\s]+me|list[\s]+(?:all|your|every)|do[\s]+(?:anything|exactly|this|the[\s]+following)|return[\s]+(?:all|every|the[\s]+(?:system|secret))|write[\s]+(?:a|an|me)|you[\s]+are[\s]+(?:now|a|an))\b"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::AiAttack,
    signatures: &[
        Signature {
            stamp: 55001,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget", "override", "bypass"],
            needs: "",
            test: Test::Checked(
                concat!(
                    leave!(),
                    r".{0,120}?(?:\bsystem[\s]+prompt\b|\byou[\s]+are[\s]+(?:now|a|an)\b|\bfrom[\s]+now[\s]+on\b|\binstead[\s,]+(?:say|print|output|reply|respond|tell|write|you)\b|(?:\b(?:and|then|just|only|simply|now)|,|:|\.)[\s]+(?:print|output|reveal|say|tell[\s]+me|act|respond|reply|repeat|show[\s]+me|give[\s]+me|leak|dump|list[\s]+(?:all|your)|execute|pretend|write[\s]+(?:a|an|the)|answer|send[\s]+all[\s]+(?:the|your)|translate|do[\s]+anything)\b|\bhidden[\s]+instructions\b)"
                ),
                names_a_model,
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        Signature {
            stamp: 55002,
            subtype: "ai_prompt_injection",
            gate: &[
                "you are now",
                "do anything now",
                "developer mode",
                "<|im_start|>",
                "<|system|>",
                "[inst]",
                "<<sys>>",
                "pretend",
                "act as",
            ],
            needs: "",
            test: Test::Checked(
                r"\byou[\s]+are[\s]+now[\s]+(?:dan\b|in[\s]+(?:developer|debug|admin|god|unrestricted|jailbreak)[\s]+mode\b.{0,100}\b(?:ai|assistant|chatgpt|language[\s]+model|restrictions?|filters|prompt|instructions|guidelines|polic(?:y|ies))\b|an?[\s]+(?:unrestricted|unfiltered|uncensored|jailbroken)\b|an?[\s]+evil[\s]+(?:ai|assistant|bot|chatbot|model)\b)|\b(?:dan|ai|model|assistant|chatbot)\b.{0,80}\bdo[\s]+anything[\s]+now\b|\bdo[\s]+anything[\s]+now\b.{0,80}\b(?:dan|ai|chatgpt|openai)\b|\bdeveloper[\s]+mode[\s]+(?:enabled|output)\b.{0,80}\b(?:restrictions?|policy|policies|filters?|chatgpt|respond)|<\|im_start\|>[\s]*system\b|<\|system\|>|<<sys>>|\[inst\].{0,200}\[/inst\]|\b(?:pretend|act)[\s]+(?:to[\s]+be|you[\s]+are|as)\b.{1,80}\b(?:no|without(?:[\s]+any)?|free[\s]+of(?:[\s]+all)?)[\s]+(?:restrictions|ethical|moral|content[\s]+polic|safety|filters|guidelines|limitations)",
                |context, span| {
                    let matched = context.after(span.start);
                    let both = |signs: [&[u8]; 2]| {
                        signs.iter().all(|sign| memchr::memmem::find(matched, sign).is_some())
                    };
                    matched.starts_with(b"<|im_start|>")
                        || both([b"<<SYS>>", b"<</SYS>>"])
                        || names_a_model(context, span)
                },
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // To leave what was said before, and to hand out secrets.
        Signature {
            stamp: 55003,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget", "override", "bypass"],
            needs: "",
            test: Test::Pattern(concat!(
                leave!(),
                r".{0,120}?\b(?:print|output|reveal|tell[\s]+me|leak|dump|repeat)[\s]+(?:\w+[\s]+){0,4}(?:(?:api|secret|access)[\s]+keys?|passwords|password$|credentials|system[\s]+prompt|hidden[\s]+instructions)\b"
            )),
            trust: Trust::Prose,
            places: Places::Values,
        },
        // To drop all previous instructions, alone or with an order for the moment.
        Signature {
            stamp: 55004,
            subtype: "ai_prompt_injection",
            gate: &["ignore", "disregard", "forget"],
            needs: "",
            test: Test::Checked(
                concat!(
                    // All of them, and something else at once.
                    r"\b(?:ignore|disregard|forget)[\s]+",
                    all_before!(),
                    now_do!(),
                    // The same alone, at the beginning of a sentence.
                    r"|(?:^|[.!?:;,\n\x22'*#>)\]\[-])[\s]*(?:(?:please|now|just|ok|okay|hey)[\s,]+)?(?:ignore|disregard|forget)[\s]+",
                    all_before!(),
                    r"[\s.!\x22')\]>*-]*$",
                    // Without `all` and without an article, as no person writes.
                    r"|(?:^|[.!?:;,\n\x22'*#>)\]\[-])[\s]*(?:(?:please|now|just|ok|okay|hey)[\s,]+)?(?:ignore|disregard|forget)[\s]+(?:previous|prior|above|preceding|earlier)[\s]+(?:instructions?|prompts?|directives|commands)",
                    now_do!(),
                ),
                speaks_to_no_person,
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        Signature {
            stamp: 55005,
            subtype: "ai_prompt_injection",
            gate: &[
                "ignorier",
                "vergiss alle",
                "ignora ",
                "olvida ",
                "ignore toutes",
                "ignorez toutes",
                "oublie toutes",
                "oubliez toutes",
                "ignore todas",
                "dimentica ",
                "\u{5ffd}\u{7565}",
                "\u{7121}\u{8996}",
                "\u{65e0}\u{89c6}",
                "\u{433}\u{43d}\u{43e}\u{440}\u{438}\u{440}\u{443}\u{439}",
                "\u{437}\u{430}\u{431}\u{443}\u{434}\u{44c}",
            ],
            needs: "",
            test: Test::Pattern(concat!(
                // German, Spanish, French, Portuguese, Italian.
                r"\b(?:ignoriere[n]?[\s]+(?:sie[\s]+)?|vergiss[\s]+)(?:bitte[\s]+)?alle[\s]+(?:deine[\s]+|ihre[\s]+)?(?:vorherigen|bisherigen|vorigen|obigen|vorangegangenen)[\s]+(?:anweisungen|instruktionen|befehle|vorgaben)",
                r"|\b(?:ignora|olvida)[\s]+(?:todas[\s]+)?(?:las|tus)[\s]+(?:instrucciones|\xc3\xb3rdenes|reglas)[\s]+(?:anteriores|previas)",
                r"|\b(?:ignore|oublie)z?[\s]+toutes[\s]+(?:les|tes|vos)[\s]+(?:instructions|consignes|directives)[\s]+(?:pr\xc3\xa9c\xc3\xa9dentes|precedentes|ant\xc3\xa9rieures)",
                r"|\bignore[\s]+todas[\s]+as[\s]+(?:suas[\s]+)?instru\xc3\xa7\xc3\xb5es[\s]+(?:anteriores|pr\xc3\xa9vias)",
                r"|\b(?:ignora|dimentica)[\s]+tutte[\s]+le[\s]+(?:tue[\s]+)?istruzioni[\s]+precedenti",
                // Chinese: pass over, before or above or all, instructions; Japanese: the instructions so far, pass over.
                r"|(?:\xe5\xbf\xbd\xe7\x95\xa5|\xe6\x97\xa0\xe8\xa7\x86)[^\x00-\x7f]{0,12}?(?:\xe4\xb9\x8b\xe5\x89\x8d|\xe5\x85\x88\xe5\x89\x8d|\xe4\xbb\xa5\xe4\xb8\x8a|\xe4\xb8\x8a\xe9\x9d\xa2)[^\x00-\x7f]{0,12}?\xe6\x8c\x87(?:\xe4\xbb\xa4|\xe7\xa4\xba)",
                r"|(?:\xe4\xbb\xa5\xe5\x89\x8d|\xe3\x81\x93\xe3\x82\x8c\xe3\x81\xbe\xe3\x81\xa7|\xe4\xb8\x8a\xe8\xa8\x98)\xe3\x81\xae[^\x00-\x7f]{0,12}?(?:\xe6\x8c\x87\xe7\xa4\xba|\xe5\x91\xbd\xe4\xbb\xa4)[^\x00-\x7f]{0,15}?\xe7\x84\xa1\xe8\xa6\x96",
                // Russian: pass over or forget all previous instructions.
                r"|(?:\xd0\xb3\xd0\xbd\xd0\xbe\xd1\x80\xd0\xb8\xd1\x80\xd1\x83\xd0\xb9|\xd0\xb7\xd0\xb0\xd0\xb1\xd1\x83\xd0\xb4\xd1\x8c)(?:\xd1\x82\xd0\xb5)?[\s]+\xd0\xb2\xd1\x81\xd0\xb5[\s]+\xd0\xbf\xd1\x80\xd0\xb5\xd0\xb4\xd1\x8b\xd0\xb4\xd1\x83\xd1\x89\xd0\xb8\xd0\xb5[\s]+\xd0\xb8\xd0\xbd\xd1\x81\xd1\x82\xd1\x80\xd1\x83\xd0\xba\xd1\x86\xd0\xb8\xd0\xb8",
            )),
            trust: Trust::Any,
            places: Places::Values,
        },
        // The long ones: a role without rules, told to a model by its name.
        Signature {
            stamp: 55006,
            subtype: "ai_prompt_injection",
            gate: &["do anything now", "dan mode", "jailbroken", "developer mode", "stay in character"],
            needs: "",
            test: Test::Code(gives_a_role),
            trust: Trust::Any,
            places: Places::Values,
        },
        Signature {
            stamp: 55010,
            subtype: "ai_prompt_retrieval",
            gate: &["prompt", "instructions", " above ", "system message", "directives"],
            needs: "",
            test: Test::Checked(
                r"\b(?:reveal|print|output|repeat|display|show[\s]+me|tell[\s]+me|give[\s]+me|leak|dump|recite|summari[sz]e)[\s]+(?:(?:me|us|the|your|full|entire|complete|exact|whole|all|of|its|contents?|text|verbatim)[\s]+){1,6}(?:system[\s]+(?:prompt|message|instructions)|(?:initial|hidden|original|secret|internal|developer)[\s]+(?:system[\s]+)?(?:prompt|instructions|directives))\b|\b(?:repeat|print|output|write)[\s]+(?:(?:everything|all|the|text|words|of)[\s]+){1,4}(?:above|before[\s]+this)\b.{0,80}\b(?:prompt|instructions|you[\s]+are)\b|\bwhat[\s]+(?:is|are|was|were)[\s]+your[\s]+(?:system[\s]+prompt|(?:initial|hidden|original|secret|system)[\s]+(?:prompt|instructions))\b",
                names_a_model,
            ),
            trust: Trust::Prose,
            places: Places::Values,
        },
    ],
};

/// How far from an order a model is looked for.
const NEAR: usize = 80;

/// Whether a word that speaks to a model, or of one, stands in an order or near it.
fn names_a_model(context: &Context<'_>, span: &Range<usize>) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"ai",
        b"assistant",
        b"bot",
        b"chatbot",
        b"chatgpt",
        b"claude",
        b"dan",
        b"gemini",
        b"gpt",
        b"llm",
        b"model",
        b"you",
        b"your",
        b"yourself",
    ];
    let end = context.value.len().min(span.end + NEAR);
    let near = context.value.get(span.start.saturating_sub(NEAR)..end).unwrap_or_default();
    near.split(|b| !b.is_ascii_alphanumeric())
        .any(|word| WORDS.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

/// Whether an order to drop all previous instructions is none from person to person. In mail such an order stands alone, or
/// goes on with an answer (`please ignore all previous instructions and just answer the survey`); there a model must be named,
/// or the order begin the value.
fn speaks_to_no_person(context: &Context<'_>, span: &Range<usize>) -> bool {
    const LEADS: [&[u8]; 5] = [b"hey", b"just", b"now", b"ok", b"please"];
    const ORDERS: [&[u8]; 3] = [b"disregard", b"forget", b"ignore"];
    const ANSWERS: [&[u8]; 5] = [b"answer", b"just", b"only", b"reply", b"respond"];
    const DROPPED: [&[u8]; 12] = [
        b"above",
        b"commands",
        b"directions",
        b"directives",
        b"given",
        b"guidelines",
        b"instruction",
        b"instructions",
        b"prompt",
        b"prompts",
        b"rules",
        b"before",
    ];
    let matched = context.value.get(span.clone()).unwrap_or_default().to_ascii_lowercase();
    let is_word = |b: &u8| b.is_ascii_alphanumeric();
    let words: Vec<&[u8]> = matched.split(|b| !is_word(b)).filter(|word| !word.is_empty()).collect();
    let order = words.iter().position(|word| ORDERS.contains(word)).unwrap_or(0);
    let before = context.before(span.start).to_ascii_lowercase();
    let begins = before.split(|b| !is_word(b)).all(|word| word.is_empty() || LEADS.contains(&word));
    // Nobody says please to a machine in the middle of a text, and in a text that has several lines nobody ends a sentence.
    let is_order = context.shape() != Shape::Document
        && !words.iter().take(order).any(|word| *word == b"please")
        && !before.trim_ascii_end().ends_with(b"please")
        && !before.trim_ascii_end().ends_with(b",");
    let last = match words.as_slice() {
        [.., last, b"this"] => last,
        [.., last] => last,
        [] => return false,
    };
    if DROPPED.contains(last) && span.end == context.value.len() {
        return is_order || begins && context.shape() != Shape::Document;
    }
    let answers = words.iter().skip(order).any(|word| ANSWERS.contains(word));
    !answers || begins || is_order || names_a_model(context, span)
}

/// Whether a text gives a model a role that has no rules: it names the role, the model and what the role may do, and
/// speaks to the model.
fn gives_a_role(context: &Context<'_>) -> Option<Range<usize>> {
    const LONGEST: usize = 16 << 10;
    const ROLES: &[&[u8]] =
        &[b"do anything now", b"dan mode", b"jailbroken", b"developer mode", b"stay in character"];
    const MODELS: &[&[u8]] = &[b"chatgpt", b"openai", b"language model", b"an ai", b"chatbot"];
    const FREEDOMS: &[&[u8]] = &[
        b"do anything now",
        b"typical confines",
        b"content policy",
        b"content policies",
        b"no restrictions",
        b"without any restrictions",
        b"without restrictions",
        b"no limitations",
        b"ethical guidelines",
        b"ethics",
        b"never refuse",
        b"cannot refuse",
        b"no longer bound",
    ];
    const ORDERS: &[&[u8]] = &[
        b"you are going to",
        b"you will act",
        b"from now on",
        b"you must",
        b"you will pretend",
        b"pretend to be",
        b"i want you to act",
        b"you are about to immerse",
        b"your responses",
    ];
    let text = context.value.get(..LONGEST).unwrap_or(context.value).to_ascii_lowercase();
    let first = |words: &[&[u8]]| words.iter().filter_map(|word| memchr::memmem::find(&text, word)).min();
    let start = first(ROLES)?;
    first(MODELS)?;
    first(FREEDOMS)?;
    first(ORDERS)?;
    Some(start..text.len().min(start + 80))
}
